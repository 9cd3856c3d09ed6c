"""The table of verdicts, its totals, and the table in README.md."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from gallery.attacks.entries import Attack
from gallery.attacks.verdict import Verdict

PAGE = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- attacks -->\n", "<!-- end of attacks -->\n"
ON_A_GPU = (  # tests/grader/test_gpu.py: they need one, and leave a driver in need of care
    ("illegal address", "to lose the GPU for every process that comes later"),
    ("misaligned address", "the same by another fault"),
    ("endless kernel", "to keep the GPU busy for ever"),
)
WORDS = {
    "failed": "no points",
    "passed": "nothing comes of it",
    "less": "not all points",
    "harmless": "the grader and all around it are unharmed",
}


def table(verdicts: Sequence[Verdict]) -> Table:
    """Attack, verdict, right or wrong, seconds; for rich."""
    made = Table(box=None, pad_edge=False)
    made.add_column("attack", overflow="fold")
    made.add_column("verdict")
    made.add_column("right", justify="center")
    made.add_column("seconds", justify="right")
    for v in verdicts:
        right = "[green]yes[/]" if not v.wrong else "[yellow]open[/]" if v.open else "[red]no[/]"
        made.add_row(escape(v.name), f"{v.check}: {v.status}", right, f"{v.seconds:.1f}")
    return made


def totals(verdicts: Sequence[Verdict]) -> str:
    """How many, in words."""
    right = sum(v.right for v in verdicts)
    isolation = ", ".join(sorted({v.isolation for v in verdicts if v.isolation})) or "unknown"
    gpu = f"{len(ON_A_GPU)} more need a GPU (tests/grader/test_gpu.py)."
    left = sum(v.open for v in verdicts)
    known = f" and {left} that only bubblewrap stops" if left else ""
    return f"{len(verdicts)} attacks, {right - left} right{known} (isolation: {isolation}). {gpu}"


def listed(attacks: Sequence[Attack]) -> str:
    """What each tries, for --list."""
    return "\n".join(f"{one.topic:<10} {one.name:<34} {one.tries}" for one in attacks)


def page(attacks: Sequence[Attack]) -> str:
    """README.md with the table of these attacks in it."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    rows = ["| attack | tries | must be |", "|---|---|---|"]
    for topic in dict.fromkeys(one.topic for one in attacks):
        first = (PAGE.parent / f"{topic}.toml").read_text(encoding="utf-8").splitlines()[0]
        rows.append(f"| **{first.lstrip('# ').rstrip('.')}** | | |")
        for one in attacks:
            if one.topic == topic:
                rows.append(f"| {_cell(one.name)} | {_cell(one.tries)} | {_must(one)} |")
    rows.append("| **On a GPU** (`tests/grader/test_gpu.py`) | | |")
    for name, tries in ON_A_GPU:
        rows.append(f"| {name} | {tries} | no points; the next grading is unharmed |")
    return before + BEGIN + "\n".join(rows) + "\n" + END + after


def _must(attack: Attack) -> str:
    also = f"; {', '.join(attack.also)} passes" if attack.also else ""
    return f"{attack.check}: {WORDS[attack.must]}{also}"


def _cell(text: str) -> str:
    for character in "\\`*_<>|[]":
        text = text.replace(character, f"\\{character}")
    return text


def details(verdict: Verdict) -> str:
    """What is wrong with one, and what was said."""
    said = textwrap.indent(verdict.message[:2000], "    ")
    wrong = "\n".join(f"  - {text[:600]}" for text in verdict.wrong)
    return f"\n{verdict.name}\n{wrong}\n{said}".rstrip()
