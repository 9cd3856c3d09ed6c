"""Grades a whole class: a folder of submissions, on one machine or many, resumed where it stopped.

    submissions in a folder → one grading for each (work.py, on workers) → store → documents, page

A grading is what grader/grade.py does; this package runs it in a process of its own and reads the
result document. docs/classroom.md describes it for instructors.
"""


class ClassroomError(Exception):
    """The class can't be graded as asked; the message says why, and what to do."""


class NotWritten(ClassroomError):
    """Something could not be written; what was there is intact."""
