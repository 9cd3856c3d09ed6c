"""The picture without a widget: of each line the most instructive request, as SVG and as text.

It stands in an exported page, where notebooks are only shown, and on a terminal.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lab.trace.scene import access, is_shared
from mingpt.paths import INCLUDE
from simt.lines import place
from simt.listing import Sources
from simt.profiling import units
from simt.profiling.pictures import Picture, access_picture, bank_picture
from simt.profiling.pictures.lanes import WIDTH
from simt.profiling.pictures.svg import Canvas
from simt.profiling.text import shape
from simt.tracing import Trace

_SVG = "{http://www.w3.org/2000/svg}"
UNITS = {False: ("sector", "sectors"), True: ("pass", "passes")}


@dataclass(frozen=True)
class Kind:
    """What all requests of one line to one array have in common, and the one that shows most."""

    launch: Trace
    form: int  # the one whose requests cost most beyond what they need
    offset: int
    times: int  # of all forms together
    cost: int
    ideal: int

    @property
    def line(self) -> str:
        return self.launch.forms[self.form].line

    @property
    def array(self) -> str:
        return self.launch.arrays[self.launch.forms[self.form].array].name or "memory"

    @property
    def shared(self) -> bool:
        return is_shared(self.launch, self.launch.forms[self.form])


def kinds(launch: Trace) -> list[Kind]:
    """In the order of the lines."""
    times: Counter[int] = Counter()
    first: dict[int, int] = {}  # offset, by form
    for number in sorted(launch.blocks):
        for step in launch.blocks[number]:
            times[step.form] += 1
            first.setdefault(step.form, step.offset)
    grouped: dict[tuple, list[int]] = {}
    for i, form in enumerate(launch.forms):
        if form.kind == "request" and times[i]:
            grouped.setdefault((place(form.line), form.op, form.array), []).append(i)

    def instructive(i: int) -> tuple[int, int]:
        form = launch.forms[i]
        return form.cost - form.ideal, form.active

    return [
        Kind(
            launch,
            (best := max(group, key=instructive)),
            first[best],
            sum(times[i] for i in group),
            sum(times[i] * launch.forms[i].cost for i in group),
            sum(times[i] * launch.forms[i].ideal for i in group),
        )
        for _, group in sorted(grouped.items())
    ]


def text(title: str, launches: list[Trace], source: Path) -> str:
    """A table: each line's requests to each array."""
    sources = Sources([source], [INCLUDE])
    out = [title]
    for launch in launches:
        out += ["", _heading(launch)]
        line = ""
        for kind in kinds(launch):
            form = launch.forms[kind.form]
            if kind.line != line:
                line = kind.line
                out.append(f"{place(line)[1]:>5} | {sources.text(line).strip()}")
            out.append(f"        {_told(kind)}")
            if form.active < 32:
                out[-1] += f"; in one of them {form.active} of 32 lanes take part"
        out.append(f"  {units.plural(launch.barriers(), 'barrier')}")
        if launch.lost:
            out.append(f"  and {units.plural(launch.lost, 'step')} that were not recorded")
    return "\n".join(out)


def _heading(launch: Trace) -> str:
    return f"{launch.kernel} <<<{shape(launch.grid)}, {shape(launch.block)}>>>"


def _told(kind: Kind) -> str:
    """ "loads of in: 64 requests, 256 sectors (at best 256)"."""
    form = kind.launch.forms[kind.form]
    unit = UNITS[kind.shared][kind.cost != 1]
    return (
        f"{form.op}s of {kind.array}: {units.plural(kind.times, 'request')}, "
        f"{units.count(kind.cost)} {unit} (at best {units.count(kind.ideal)})"
    )


def svg(title: str, launches: list[Trace], source: Path) -> str:
    """One picture below the other, each under its line of source."""
    sources = Sources([source], [INCLUDE])
    parts: list[tuple[str, str, Picture]] = []  # heading, code, picture
    for launch in launches:
        heading = _heading(launch)
        for kind in kinds(launch):
            one = access(launch, launch.forms[kind.form], kind.offset)
            picture = (bank_picture if kind.shared else access_picture)(one)
            code = f"{kind.line.rpartition(':')[2]}  {sources.text(kind.line).strip()}"
            parts.append((heading, f"{code}\n{_told(kind)}", picture))
            heading = ""
    return _stacked(title, parts)


def _stacked(title: str, parts: list[tuple[str, str, Picture]]) -> str:
    heights = [_height(picture) for _, _, picture in parts]
    total = 40 + sum(heights) + sum(52 + 30 * bool(heading) for heading, _, _ in parts)
    canvas = Canvas(WIDTH, total, title)
    canvas.rect(0, 0, WIDTH, total, "paper", fill="var(--paper)")
    canvas.text(16, 24, title, "strong")
    drawn, y = [], 40.0
    for (heading, told, picture), height in zip(parts, heights, strict=True):
        if heading:
            canvas.text(16, y + 18, heading, "strong")
            y += 30
        code, sums = told.split("\n")
        canvas.text(16, y + 14, code if len(code) < 118 else f"{code[:117]}…", "code")
        canvas.text(16, y + 32, sums, "soft")
        y += 42
        drawn.append((y, height, picture))
        y += height + 10
    root = ElementTree.fromstring(canvas.picture())
    root.find(f"{_SVG}style").text += " .simt .code { font-family: monospace; white-space: pre }"
    for top, height, picture in drawn:
        inner = ElementTree.fromstring(picture)
        inner.remove(inner.find(f"{_SVG}style"))
        for name in ("style", "class"):
            inner.attrib.pop(name, None)
        inner.set("y", f"{top:g}")
        inner.set("height", f"{height:g}")
        root.append(inner)
    ElementTree.register_namespace("", _SVG[1:-1])
    return ElementTree.tostring(root, encoding="unicode")


def _height(picture: Picture) -> float:
    found = re.search(r'viewBox="0 0 \S+ (\S+)"', picture)
    return math.ceil(float(found[1]))
