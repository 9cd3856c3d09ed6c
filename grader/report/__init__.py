"""Reports, each made from the one result document: terminal.py."""
