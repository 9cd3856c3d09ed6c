"""What makes two gradings the same: they are made once.

The key of a grading is a hash of the submission's files, of what the rubric says of measuring, of
the grader's own sources, of the device, and of which checks were asked for. Points and curves are
no part of it: they are applied to what was measured (documents.py).
"""

import hashlib
import json
import tomllib
from functools import cache
from pathlib import Path

from grader import rubric
from mingpt.paths import ROOT

SCORING = ("points", "full_ratio", "zero_ratio")  # settings of a check that measure nothing
# What decides a result: not what only shows or collects it.
SOURCES = ("grader", "mingpt", "simt", "solutions/ladder")
NOT = {"classroom", "report", "__pycache__"}
ENDINGS = {".py", ".cu", ".cuh", ".h", ".hpp", ".cpp", ".S", ".c", "",
           ".txt", ".json", ".tiktoken", ".safetensors"}  # fmt: skip


def key(digest: str, arguments: tuple[str, ...], rubric_hash: str, version: str) -> str:
    """arguments: grade.py's, with the device and the part. 32 hexadecimal digits."""
    parts = json.dumps([digest, arguments, rubric_hash, version])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def rubric_hash(path: Path = rubric.DEFAULT) -> str:
    """Of all that rubric.toml says, but for points and curves."""
    data = tomllib.loads(path.read_text("utf-8"))
    kept = {
        name: {k: v for k, v in table.items() if k not in SCORING}
        if isinstance(table, dict)
        else table
        for name, table in data.items()
    }
    text = json.dumps(kept, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def installed(path: Path = rubric.DEFAULT) -> str:
    """What a machine grades by: the version and the whole rubric, curves too. 32 digits."""
    return hashlib.sha256(version().encode() + path.read_bytes()).hexdigest()[:32]


@cache
def version(root: Path = ROOT) -> str:
    """Of grader, mingpt and simt, with what they read (lists of rules, the bundled model), and of
    the references."""
    found = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((root / folder).rglob("*")):
            inside = path.relative_to(root)
            if path.suffix in ENDINGS and path.is_file() and not NOT & set(inside.parts):
                data = path.read_bytes()
                found.update(f"{inside.as_posix()} {len(data)} ".encode() + data)
    return found.hexdigest()[:32]
