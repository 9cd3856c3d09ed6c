"""Attacks on the grader, as small submissions, and the verdict that each must get.

entries.py   the attacks (*.toml), and submissions made of them
child.py     grades one, in a process that may be killed or stopped
setting.py   what surrounds it: a classmate, a home, secrets, sockets; and what has become of them
reports.py   whether what a submission says can harm who reads the reports
verdict.py   one attack: graded, then what it must not have done, then a clean submission
tables.py    the table, and the one in README.md
"""
