"""A rule that a submission breaks, and where; and the lists that rules are made of."""

from dataclasses import dataclass
from pathlib import Path

MOST = 5  # that are told at once
LONGEST = 200  # characters of one


@dataclass(frozen=True)
class Broken:
    """rule: includes, assembly, symbols or python. line: from 1; 0 where there is none."""

    rule: str
    file: str
    line: int
    text: str  # what is wrong, as a sentence about that place

    def __str__(self) -> str:
        file, text = _short(self.file), _short(self.text)
        where = f"{file}, line {self.line}" if self.line else file
        # A source may hold bytes that are not UTF-8.
        return f"{where}: {text}".encode(errors="replace").decode()


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def told(broken: list[Broken]) -> dict:
    """{"rule", "broken"}: the first one's rule, and the lines of a message; both "" for none."""
    if not broken:
        return {"rule": "", "broken": ""}
    rule = broken[0].rule
    same = [one for one in dict.fromkeys(broken) if one.rule == rule]
    lines = [str(one) for one in same[:MOST]]
    if len(same) > MOST:
        lines.append(f"And {len(same) - MOST} more.")
    return {"rule": rule, "broken": "\n".join(lines)}


def words(name: str) -> frozenset[str]:
    """A list: the words of NAME.txt, less its comments."""
    text = (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8")
    return frozenset(
        word for line in text.splitlines() if not line.startswith("#") for word in line.split()
    )
