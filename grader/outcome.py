"""How a check of a submission ends."""

from dataclasses import dataclass, field


class Failure(Exception):
    """The submission is wrong: what was seen, and a hint at the idea to revisit.

    idea: its name in grader/ideas.py, which has more hints and where it is explained. evidence:
    arrays and numbers that reports draw, such as where an output is wrong. flags: what a human
    should look at; it changes no points.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        figures: dict | None = None,
        *,
        idea: str = "",
        evidence: dict | None = None,
        flags: tuple[str, ...] = (),
    ):
        super().__init__(message)
        self.message, self.hint, self.figures = message, hint, figures or {}
        self.idea, self.evidence, self.flags = idea, evidence or {}, flags


class NotMeasured(Exception):
    """The check can't be done here, through no fault of the student: it counts for nothing.

    flags: what a human should look at all the same.
    """

    def __init__(self, message: str, figures: dict | None = None, flags: tuple[str, ...] = ()):
        super().__init__(message)
        self.message, self.figures, self.flags = message, figures or {}, flags


class GraderError(Exception):
    """The grader can't do its work; the message says why. The submission isn't to blame."""


@dataclass(frozen=True)
class Passed:
    """The submission is right; `fraction` of the points, for checks that give parts of them."""

    message: str = ""
    hint: str = ""
    figures: dict = field(default_factory=dict)
    fraction: float = 1.0
    lost: str = ""  # why not all of the points
    idea: str = ""  # of the hint, as Failure's
    evidence: dict = field(default_factory=dict)  # what reports draw
    flags: tuple[str, ...] = ()  # what a human should look at
    doubt: str = ""  # what a measurement can't tell, and what is made of it
