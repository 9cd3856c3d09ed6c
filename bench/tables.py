"""One table, for a terminal (rich) and for a page of docs/ (Markdown); where results are kept."""

import argparse
import contextlib
import json
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich import box
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

from mingpt.errors import LabError
from mingpt.paths import ROOT

DOCS = ROOT / "docs"
WIDTH = 105  # of a line of docs/
NONE = "\u2013"  # a cell with no value


@dataclass
class Table:
    """Rows of text under headings. The first `left` columns stand to the left, the others right."""

    title: str
    head: list[str]
    rows: list[list[str]] = field(default_factory=list)
    left: int = 1

    def _side(self, column: int) -> str:
        return "left" if column < self.left else "right"

    def print(self, console: Console) -> None:
        style = {"title_justify": "left", "title_style": "bold", "box": box.SIMPLE_HEAD}
        table = RichTable(title=escape(self.title), **style)
        for i, name in enumerate(self.head):
            table.add_column(escape(name), justify=self._side(i), no_wrap=True)
        for row in self.rows:
            table.add_row(*map(escape, row))
        # Whole, even where the terminal must break its lines: a cell cut short says nothing.
        needed = console.measure(table, options=console.options.update(max_width=1000)).maximum
        console.width = max(needed, console.width)
        console.print(table)

    def markdown(self) -> list[str]:
        """The lines of the table, without its title."""
        rule = ["---" if i < self.left else "---:" for i in range(len(self.head))]
        cells = [self.head, rule, *self.rows]
        return ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in cells]


def add_output_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Where results go, and come from: --json, --docs, --from (args.kept)."""
    add = parser.add_argument
    add("--json", type=Path, metavar="FILE", help="keep the results in FILE")
    add(
        "--docs",
        type=Path,
        nargs="?",
        const=DOCS,
        metavar="DIR",
        help=f"write {name}.md and {name}.json, and the pictures, into DIR (default: docs/)",
    )
    add(
        "--from", dest="kept", type=Path, metavar="FILE", help="measure nothing, show these results"
    )


def present(
    args: argparse.Namespace,
    name: str,
    results: dict,
    *,
    lines: list[str],
    tables: list[Table],
    failed: list[str],
    page: Callable[[dict], str],
    draw: Callable[[dict, Path], None] | None = None,
) -> None:
    """Show the results, and keep them where --json and --docs say: name.json, name.md, name.png.

    lines: about the machine. failed: what went wrong, a line each.
    """
    console = Console(highlight=False)
    for line in lines:
        console.print(escape(line), soft_wrap=True)
    for table in tables:
        console.print()
        table.print(console)
    for line in failed:
        console.print(f"[red]failed[/red] {escape(line)}", soft_wrap=True)
    for line in results.get("notes", ()):
        console.print(escape(line), soft_wrap=True)
    if args.json:
        write_results(args.json, results)
    if args.docs:
        write_results(args.docs / f"{name}.json", results)
        write(args.docs / f"{name}.md", page(results))
        if draw:
            draw(results, args.docs / f"{name}.png")


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """say(what is done now), on standard error: one line that changes, or a line each in a file."""
    plain = Console(stderr=True)
    with Live(console=plain, auto_refresh=False, transient=True) as live:  # no thread beside us

        def say(what: str) -> None:
            if plain.is_terminal:
                live.update(Text(what, no_wrap=True), refresh=True)
            else:
                plain.print(what, markup=False, highlight=False)

        yield say


def paragraphs(*texts: str) -> list[str]:
    """Lines of Markdown, none longer than WIDTH; those of a list item keep its indent."""
    lines: list[str] = []
    for text in texts:
        indent = "  " if text.startswith("- ") else ""
        lines += textwrap.wrap(
            text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]
    return lines


def versions(machine: dict) -> str:
    """The device and what drives it: a line."""
    names = ("cuda", "driver", "torch", "transformers")
    known = [f"{name} {machine[name]}" for name in names if machine.get(name)]
    return f"{machine['device']}, {', '.join(known)}, {machine['date']}."


def number(value: float | None, digits: int = 3) -> str:
    """To `digits` significant digits, with no exponent: 12,345  1.23  0.0123."""
    if value is None:
        return NONE
    if value == 0:
        return "0"
    size = len(str(int(abs(value)))) if abs(value) >= 1 else 1
    after = max(0, digits - size)
    while 0 < abs(value) < 10 ** (digits - 1 - after):
        after += 1
    return f"{value:,.{after}f}"


def scientific(value: float | None) -> str:
    """1.2e-07"""
    return NONE if value is None else f"{value:.1e}"


def percent(value: float | None, digits: int = 0) -> str:
    return NONE if value is None else f"{100 * value:.{digits}f} %"


def read_results(path: Path, kind: str) -> dict:
    """What write_results wrote. Raises LabError if it isn't the results of `kind`."""
    try:
        results = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise LabError(f"{path} can't be read as results: {e}") from None
    if not isinstance(results, dict) or results.get("bench") != kind:
        raise LabError(f"{path} doesn't hold results of bench/{kind}.py. Make some with --json.")
    return results


def put_into(page: Path, name: str, lines: list[str]) -> None:
    """Lines of Markdown into a page, between the marks of bench/NAME.py; what was there goes.

    Raises LabError for a page without marks.
    """
    begin, end = f"<!-- bench/{name}.py -->\n", "<!-- end -->\n"
    text = page.read_text("utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise LabError(f"{page} has no place for the tables: {begin.strip()} ... {end.strip()}")
    before, after = text.split(begin)[0], text.split(end)[1]
    write(page, before + begin + "\n" + "\n".join(lines) + end + after)


def write_results(path: Path, results: dict) -> None:
    write(path, json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def write(path: Path, text: str) -> None:
    """Raises LabError where it can't be written."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, "utf-8")
    except OSError as e:
        raise LabError(f"{path} can't be written: {e.strerror}") from None
