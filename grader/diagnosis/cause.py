"""A likeliest cause, as the evidence has it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    text: str  # what the evidence says
    hint: str  # what to look at, never the code
    idea: str = ""  # its name in grader/ideas.py
