"""The result of a grading: one versioned JSON document, from which every report is made.

Its form is described in docs/grading.md.
"""

import json
import math
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

SCHEMA_VERSION = 3

PASSED, FAILED, SKIPPED, ERROR = "passed", "failed", "skipped", "error"


@dataclass
class CheckResult:
    """One check's part. status "error" means that the grader failed, not the submission."""

    id: str
    title: str
    status: str
    points: float
    max_points: float
    message: str = ""
    hint: str = ""
    figures: dict = field(default_factory=dict)
    extra: bool = False  # its points come on top: of a stage beyond those asked for
    more_hints: list[str] = field(default_factory=list)  # each says more than the one before
    revisit: str = ""  # where the idea is explained
    lost: str = ""  # why not all of the points, where message does not say it
    evidence: dict = field(default_factory=dict)  # what reports draw: see docs/grading.md


@dataclass
class Result:
    checks: list[CheckResult]
    environment: dict
    outputs: dict[str, str] = field(default_factory=dict)  # check id -> what was printed

    @property
    def score(self) -> float:
        """Without the extra points."""
        return round(sum(check.points for check in self.checks if not check.extra), 1)

    @property
    def max_score(self) -> float:
        return round(sum(check.max_points for check in self.checks if not check.extra), 1)

    @property
    def extra(self) -> float:
        return round(sum(check.points for check in self.checks if check.extra), 1)

    def document(self) -> dict:
        """The JSON document, as plain data."""
        return _plain(
            {
                "schema_version": SCHEMA_VERSION,
                "score": self.score,
                "max_score": self.max_score,
                "extra": self.extra,
                "checks": [
                    {**asdict(check), "output": self.outputs.get(check.id, "")}
                    for check in self.checks
                ],
                "environment": self.environment,
            }
        )

    def write(self, path: Path) -> None:
        """Write the document: whole or not at all. Raises OSError."""
        text = json.dumps(self.document(), indent=2, allow_nan=False) + "\n"
        fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def _plain(value):
    """Data that JSON can hold: NaN and infinity become text, NumPy's numbers Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
