"""The instructor's commands: python -m course --help."""
