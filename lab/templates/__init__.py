"""The HTML of outputs, as templates."""
