"""Reports for people: the first of each kind in full, with the lines concerned; the others counted.

simt: SHARED RACE in kernel reverse, launched at prog.cu:30
  block (0,0,0), thread (64,0,0): s[64] in shared memory is read at prog.cu:19 and ...
    18 │ s[t] = in[t];          writes it: thread (64,0,0)
    19 │ out[t] = s[127 - t];   reads it: thread (63,0,0)
  seen 64 times here
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from simt.lines import place
from simt.listing import Sources
from simt.report import Report, ranked

_LINE = re.compile(r"(?<![^\s:()])[^\s:()]+:\d+")  # begins where a word does: it takes no long


def print_reports(reports: Sequence[Report], sources: Sources, console: Console) -> None:
    """Prints all of them; what explains most comes first."""
    _Printer(sources, console).all(reports)


class _Printer:
    def __init__(self, sources: Sources, console: Console):
        self._sources, self._console = sources, console

    def all(self, reports: Sequence[Report]) -> None:
        for report in reports:
            if not report.problem:
                self._line(Text.assemble(("simt: note: ", "bold"), report.message))
        by_kind: dict[str, list[Report]] = {}
        for report in ranked(report for report in reports if report.problem):
            by_kind.setdefault(report.kind, []).append(report)
        races = [report for report in reports if report.among]
        for first, *others in by_kind.values():
            self._whole(first)
            if any(_follows_from(first, race) for race in races):
                self._line(Text("Most likely for the same reason: the race above."), indent=2)
            for other in others:
                self._line(_also(other, first), indent=2)
            self._line(Text())
        total = sum(map(len, by_kind.values()))
        if total:
            kinds = _counted(len(by_kind), "kind")
            self._line(Text(f"simt: {_counted(total, 'problem')} of {kinds}", "bold"))
        else:
            self._line(Text("simt: no problem found", "green"))

    def _whole(self, report: Report) -> None:
        self._line(Text.assemble("simt: ", (report.name.upper(), "bold red"), report.launch))
        self._line(Text(report.cause), indent=2)
        others, lines = quoted(report, self._sources)
        for detail in others:
            self._line(Text(detail), indent=2)
        self._quote(lines)
        if report.count > 1:
            self._line(Text(f"seen {report.count:,} times here"), indent=2)

    def _quote(self, lines: dict[str, str]) -> None:
        """Lines of the source, each with what is said of it."""
        if not lines:
            return
        in_order = sorted(lines, key=place)
        one_file = len({place(line)[0] for line in lines}) == 1
        names = {line: str(place(line)[1]) if one_file else line for line in lines}
        codes = _outdented({line: self._sources.text(line) for line in in_order})
        wide, long = max(map(len, names.values())), max(map(len, codes.values()))
        for line in in_order:
            text = Text(f"{names[line]:>{wide}} \u2502 ", "dim")
            text.append(codes[line], "not dim")
            if lines[line]:
                text.append(" " * (long - len(codes[line]) + 3) + lines[line], "not dim yellow")
            self._line(text, indent=4, wrap=False)

    def _line(self, text: Text, indent: int = 0, wrap: bool = True) -> None:
        """Wrapped on a terminal; in a file, a line stays a line."""
        if self._console.is_terminal and wrap:
            self._console.print(Padding(text, (0, 0, 0, indent), expand=False), highlight=False)
        else:
            text = Text(" " * indent).append_text(text)
            self._console.print(text, highlight=False, soft_wrap=True)


def quoted(report: Report, sources: Sources) -> tuple[list[str], dict[str, str]]:
    """The details of a report that belong to no line; and the lines of the source that it is about,
    each with what is said of it: {"prog.cu:18": "writes it: thread (64,0,0)"}."""
    others, lines = [], {}
    for detail in report.details:
        line, _, said = detail.partition(" ")
        if _LINE.fullmatch(line) and sources.text(line):
            lines[line] = f"{lines[line]}; {said}" if line in lines else said
        else:
            others.append(detail)
    for line in _LINE.findall(" ".join([report.at, report.message, *report.details])):
        if sources.text(line):
            lines.setdefault(line, "")
    return others, lines


def _follows_from(report: Report, race: Report) -> bool:
    """Whether a thread may have read too early what another one writes."""
    unwritten = report.kind.startswith("uninitialized") and report.kernel == race.kernel
    return unwritten and any(detail.startswith(f"{report.at} reads") for detail in race.details)


def _also(report: Report, first: Report) -> Text:
    kernel = f" in {report.kernel}" if report.kernel != first.kernel else ""
    times = f" ({report.count:,} times)" if report.count > 1 else ""
    return Text(f"also{kernel}: {report.message}{times}", "dim")


def _outdented(codes: dict[str, str]) -> dict[str, str]:
    """Without the space that all of them begin with."""
    codes = {line: code.expandtabs(4) for line, code in codes.items()}
    margin = min(_margins(codes.values()), default=0)
    return {line: code[margin:] for line, code in codes.items()}


def _margins(codes: Iterable[str]) -> list[int]:
    return [len(code) - len(code.lstrip()) for code in codes if code.strip()]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
