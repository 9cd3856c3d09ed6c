"""The earlier full gradings of a submission: a line of JSON each, in the cache, never in the
submission.

A submission is known by its folder's path. A history that can't be read or written is an empty one:
no grading fails for it.
"""

import contextlib
import hashlib
import json
from pathlib import Path

from grader import files
from grader.results import ERROR, Result
from mingpt.paths import cache_dir

KEPT = 200  # lines of a file
SHOWN = 50  # of them, in a result


def path_of(submission: Path) -> Path:
    """Its file in the cache."""
    name = hashlib.sha256(str(submission.resolve()).encode()).hexdigest()[:32]
    return cache_dir() / "history" / f"{name}.jsonl"


def read(submission: Path) -> list[dict]:
    """The latest SHOWN entries, the oldest first."""
    return _entries(path_of(submission))[-SHOWN:]


def add(submission: Path, result: Result) -> None:
    """Note a full grading, unless the grader itself failed in it."""
    if any(check.status == ERROR for check in result.checks):
        return
    path = path_of(submission)
    entries = [*_entries(path), entry(result)][-KEPT:]
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        files.write(path, "".join(json.dumps(one) + "\n" for one in entries))


def entry(result: Result) -> dict:
    """What is kept of a result."""
    document = result.document()
    place = document["environment"]
    return {
        **{name: document[name] for name in ("score", "max_score", "extra")},
        **{name: place[name] for name in ("date", "device", "device_name")},
        "points": {check["id"]: check["points"] for check in document["checks"]},
    }


def _entries(path: Path) -> list[dict]:
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):  # torn, or not ours
            one = json.loads(line)
            if is_entry(one):
                found.append(one)
    return found


def is_entry(one: object) -> bool:
    """Whether it has what reports show."""
    return (
        isinstance(one, dict)
        and all(type(one.get(name)) in (int, float) for name in ("score", "max_score", "extra"))
        and all(isinstance(one.get(name), str) for name in ("date", "device", "device_name"))
    )
