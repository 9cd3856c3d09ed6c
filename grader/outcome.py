"""How a check of a submission ends."""

from dataclasses import dataclass, field


class Failure(Exception):
    """The submission is wrong: what was seen, and a hint at the idea to revisit."""

    def __init__(self, message: str, hint: str = "", figures: dict | None = None):
        super().__init__(message)
        self.message, self.hint, self.figures = message, hint, figures or {}


class NotMeasured(Exception):
    """The check can't be done here, through no fault of the student: it counts for nothing."""

    def __init__(self, message: str, figures: dict | None = None):
        super().__init__(message)
        self.message, self.figures = message, figures or {}


@dataclass(frozen=True)
class Passed:
    """The submission is right; `fraction` of the points, for checks that give parts of them."""

    message: str = ""
    hint: str = ""
    figures: dict = field(default_factory=dict)
    fraction: float = 1.0
