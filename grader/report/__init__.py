"""Reports, each made from the one result document: terminal.py, html.py, gradescope.py, junit.py.

schema.json is the document's JSON Schema; drawings.py and ladder.py make what html.py shows.
"""
