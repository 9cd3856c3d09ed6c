"""Whether a file is as it was handed out: known by a hash of each starter that there has been.

make_starter.py adds the starters that it writes, so that a folder of an earlier release is still
known. starters.json: {"gpt.cu": [hash, ...], ...}, the oldest first.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

KNOWN = Path(__file__).with_name("starters.json")


def is_starter(name: str, text: str) -> bool:
    """Whether this is the text of a starter's file `name`, of this release or an earlier one."""
    return digest(text) in read().get(name, [])


def digest(text: str) -> str:
    """Of a text, whatever its line ends and the space at its end are."""
    lines = "\n".join(line.rstrip() for line in text.rstrip().splitlines())
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()[:16]


def read() -> dict[str, list[str]]:
    return json.loads(KNOWN.read_text("utf-8")) if KNOWN.exists() else {}


def unknown(texts: Mapping[str, str]) -> list[str]:
    """The names of those that are no known starters."""
    return [name for name, text in texts.items() if not is_starter(name, text)]


def remember(texts: Mapping[str, str]) -> None:
    """Add those that are not known yet."""
    known = read()
    for name in unknown(texts):
        known.setdefault(name, []).append(digest(texts[name]))
    KNOWN.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
