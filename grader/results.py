"""The result of a grading: one versioned JSON document, from which every report is made.

Its form is described in docs/grading.md and, for programs, in report/schema.json.
"""

import json
import math
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import get_args, get_origin

from grader import files
from grader.client import printable

SCHEMA_VERSION = 3

PASSED, FAILED, SKIPPED, ERROR = "passed", "failed", "skipped", "error"
PLACE = ("date", "device", "device_name", "platform", "seed", "isolation")  # of the environment


class ResultError(Exception):
    """What should be a result document is none; the message says why, and what to do."""


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
    seconds: float = 0.0  # that it took
    fraction: float = 0.0  # of its points, before they are rounded
    doubt: str = ""  # what a measurement can't tell, and what is made of it

    @property
    def standing(self) -> str:
        """The status, for reports: "part" where it passed with a part of the points."""
        return "part" if self.status == PASSED and self.points < self.max_points else self.status


@dataclass
class Result:
    checks: list[CheckResult]
    environment: dict
    outputs: dict[str, str] = field(default_factory=dict)  # check id -> what was printed
    submission: str = ""  # its folder's name
    history: list[dict] = field(default_factory=list)  # earlier gradings, the oldest first
    flags: list[dict] = field(default_factory=list)  # {"id" of a check, "text"}: for a human's eyes

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
        return plain(
            {
                "schema_version": SCHEMA_VERSION,
                "submission": self.submission,
                "score": self.score,
                "max_score": self.max_score,
                "extra": self.extra,
                "checks": [
                    {**asdict(check), "output": self.outputs.get(check.id, "")}
                    for check in self.checks
                ],
                "flags": self.flags,
                "environment": self.environment,
                "history": self.history,
            }
        )

    @classmethod
    def from_document(cls, document: object) -> "Result":
        """The result that a document was made of. Raises ResultError."""
        if not isinstance(document, dict) or "schema_version" not in document:
            raise ResultError("this is no result document; grade.py --json FILE writes one")
        version = document["schema_version"]
        if version != SCHEMA_VERSION:
            raise ResultError(
                f"its schema_version is {str(version)[:20]}, and this grader reads"
                f" {SCHEMA_VERSION}; grade again with --json to have a new one"
            )
        data = {"outputs": {}} | document
        _require(Result, data, "the document")
        for i, check in enumerate(data["checks"]):
            _require(CheckResult, check, f"check {i + 1}")
            if check["status"] not in (PASSED, FAILED, SKIPPED, ERROR):
                raise ResultError(f"check {i + 1}: status can't be {check['status'][:20]!r}")
            data["outputs"][check["id"]] = str(check.get("output", ""))
        for flag in data.get("flags", ()):
            if not all(isinstance(flag.get(name), str) for name in ("id", "text")):
                raise ResultError("flags: each must have an id and a text")
        place = data["environment"]
        for name in PLACE:
            if not isinstance(place.get(name), str):
                raise ResultError(f"environment: {name} must be a text")
        if not isinstance(place.get("versions"), dict):
            raise ResultError("environment: versions must be an object")
        checks = [CheckResult(**_known(CheckResult, check)) for check in data["checks"]]
        outputs = {id: text for id, text in data["outputs"].items() if text}
        return cls(**{**_known(cls, data), "checks": checks, "outputs": outputs})

    def text(self) -> str:
        """The document as a file's text."""
        return json.dumps(self.document(), indent=2, allow_nan=False) + "\n"

    def write(self, path: Path) -> None:
        """Write the document: whole or not at all. Raises OSError."""
        files.write(path, self.text())


def read(path: Path) -> Result:
    """The result in a file that --json wrote. Raises ResultError."""
    try:
        return Result.from_document(json.loads(path.read_text("utf-8"), parse_constant=_refuse))
    except OSError as error:
        raise ResultError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ResultError(
            f"{path}: this is not JSON ({error}); grade.py --json FILE writes a result document"
        ) from None
    except ResultError as error:
        raise ResultError(f"{path}: {error}") from None


def _refuse(number: str):
    raise ValueError(f"{number} is no number of JSON's")


def _known(cls: type, data: dict) -> dict:
    return {field.name: data[field.name] for field in fields(cls) if field.name in data}


KINDS = {str: "a text", float: "a number", dict: "an object", list: "a list", bool: "true or false"}


def _require(cls: type, data: object, where: str) -> None:
    """Every field of a dataclass is there, unless it has a default, and of its type."""
    if not isinstance(data, dict):
        raise ResultError(f"{where} must be an object")
    for one in fields(cls):
        has_default = one.default is not MISSING or one.default_factory is not MISSING
        if one.name not in data:
            if has_default:
                continue
            raise ResultError(f"{where}: {one.name} is missing")
        kind, value = get_origin(one.type) or one.type, data[one.name]
        if not _is(value, kind):
            raise ResultError(f"{where}: {one.name} must be {KINDS[kind]}")
        items = get_args(one.type)[-1:] if kind is list else ()
        if items and items[0] in KINDS and not all(_is(item, items[0]) for item in value):
            raise ResultError(f"{where}: {one.name} must hold {KINDS[items[0]]} each")


def _is(value: object, kind: type) -> bool:
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    return isinstance(value, kind)


def plain(value):
    """Data that JSON can hold: NaN and infinity become text, NumPy's numbers Python's.

    Texts have no control characters any more: whoever shows them need not take care.
    """
    if isinstance(value, dict):
        return {printable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return printable(value) if isinstance(value, str) else value
