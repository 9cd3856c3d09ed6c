"""Mistakes that students make, as patches over solutions/, and what the grader says of each.

entries.py   the mistakes and the unusual solutions, and submissions made of them
verdict.py   grades one: was it caught, by the right check, with the right cause?
running.py   grades many, some at once
tables.py    the table, its totals, and docs/mistakes.md
"""
