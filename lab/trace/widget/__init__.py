"""The widget of lab.trace, as the browser runs it (show.py puts it together)."""
