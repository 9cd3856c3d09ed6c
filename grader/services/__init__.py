"""Grades where a class hands in already: Gradescope's autograder, GitHub Classroom's workflow.

    sources.py     which files of this checkout go there
    gradescope.py  the zip for Gradescope: setup.sh and run_autograder with the sources
    autograder.py  what run_autograder runs there, once for each submission
    github.py      a template repository for GitHub Classroom: no solutions, and classroom.yml

docs/classroom.md describes both for instructors.
"""


class ServiceError(Exception):
    """It can't be made as asked; the message says why, and what to do."""
