"""A profile as one HTML page that needs nothing else: no network, no other file.

The page is made of what `view` collects, by page.html (a Jinja2 template), base.css (which the
grader's report shares), page.css and page.js. Without JavaScript all of it is there; with it, a
click on a line shows its pictures in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import CudaLexer

from simt.listing import Function, Sources
from simt.profiling import units
from simt.profiling.annotation import LineCounts, annotate
from simt.profiling.findings import explain, findings
from simt.profiling.kernel import Access, Kernel
from simt.profiling.pictures import (
    Picture,
    access_picture,
    bank_picture,
    roofline_picture,
    tile_picture,
)
from simt.profiling.roofline import GPUS, Gpu, Roofline, roofline
from simt.profiling.text import access_text, calls_text, shape

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _with_code(sentence: str) -> Markup:
    """What stands in backticks becomes code."""
    parts = [escape(part) for part in sentence.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts)
    )


_TEMPLATES.filters["code"] = _with_code


def as_html(kernels: Sequence[Kernel], sources: Sources, gpu: Gpu, title: str) -> str:
    """The page. title: what was profiled, such as "gpt.cu"; gpu: whose roof is drawn."""
    code = _Code(sources)
    views = [_kernel(i, kernel, sources, code, gpu) for i, kernel in enumerate(kernels, 1)]
    template = _TEMPLATES.get_template("page.html")
    return template.render(title=title, kernels=views, gpu=gpu, units=units)


class _Code:
    """Lines of the sources, coloured by their syntax."""

    def __init__(self, sources: Sources):
        self._sources = sources
        self._lines: dict[str, list[str]] = {}

    def line(self, file: str, number: int) -> Markup:
        if file not in self._lines:
            # A carriage return alone ends no line for a compiler; it would for the lexer.
            text = self._sources.code(file).replace("\r\n", "\n").replace("\r", " ")
            lexer, formatter = CudaLexer(stripnl=False), HtmlFormatter(nowrap=True)
            self._lines[file] = highlight(text, lexer, formatter).split("\n")
        lines = self._lines[file]
        return Markup(lines[number - 1] if number <= len(lines) else "")


def _kernel(number: int, kernel: Kernel, sources: Sources, code: _Code, gpu: Gpu) -> dict:
    name = f"kernel-{number}"
    counts = annotate(kernel)
    pictured = [line for line, one in counts.items() if one.accesses]
    anchors = {line: f"{name}-line-{i}" for i, line in enumerate(pictured, 1)}
    line = roofline(kernel, gpu)
    return {
        "id": name,
        "name": kernel.name,
        "launch": f"<<<{shape(kernel.grid)}, {shape(kernel.block)}>>>",
        "facts": _facts(kernel),
        "sampled": kernel.traced_blocks < kernel.blocks,
        "findings": findings(kernel, gpu),
        "figures": _figures(kernel),
        "functions": [
            _function(function, counts, anchors, code)
            for function in sources.functions(kernel.name, [line for line in counts if line])
        ],
        "lines": [
            _pictures(anchors[line], line, sources.text(line).strip(), counts[line], kernel.scale)
            for line in pictured
        ],
        "costliest": anchors.get(_costliest(kernel), ""),
        "tiles": [tile_picture(name, use) for name, use in kernel.shared_use.items()],
        "roofline": line and _roofline(line, kernel),
        "truncated": kernel.truncated,
    }


def _facts(kernel: Kernel) -> list[tuple[str, str]]:
    """What was launched: sentences, each with its class."""
    threads = kernel.block[0] * kernel.block[1] * kernel.block[2]
    traced = ("every block traced", "")
    if kernel.traced_blocks < kernel.blocks:
        of = f"{kernel.traced_blocks:,} of {kernel.blocks:,} blocks traced"
        traced = (f"{of}: counts are multiplied by {kernel.scale:.4g}", "sampled")
    facts = [
        (f"{units.plural(kernel.launches, 'launch')} at {kernel.launched_at}", ""),
        (f"{units.plural(kernel.blocks, 'block')} of {units.plural(threads, 'thread')}", ""),
        traced,
    ]
    if shared := kernel.static_shared + kernel.dynamic_shared:
        facts.append((f"{units.size(shared)} of shared memory a block", ""))
    return facts


def _figures(kernel: Kernel) -> list[tuple[str, str, str]]:
    """The large numbers: label, value, what it is."""
    scale, total, shared = kernel.scale, kernel.total("global"), kernel.total("shared")
    about, by = ("≈ ", " by the traced blocks") if scale != 1 else ("", "")
    distinct = units.size(kernel.bytes_read + kernel.bytes_written)
    needed = f"of global memory, {100 * total.efficiency:.0f}\u00a0% of it needed"
    figures = [
        ("moved", about + units.size(kernel.bytes_moved * scale), needed),
        ("distinct", distinct, f"of global memory used{by}"),
        ("arithmetic", f"{about}{units.short(kernel.flops * scale)} flop", _calls(kernel)),
        ("active lanes", f"{kernel.active_lanes:.1f}", "of a warp's 32, in an average step"),
    ]
    if shared.requests:
        extra = about + units.short(shared.bank_conflicts * scale)
        of = units.short(shared.wavefronts * scale)
        figures.append(("bank conflicts", extra, f"extra passes, of {of} over the banks"))
    if kernel.barriers:
        figures.append(("barriers", about + units.short(kernel.barriers * scale), "by block"))
    return figures


def _calls(kernel: Kernel) -> str:
    calls = {name: number * kernel.scale for name, number in kernel.calls.items()}
    return f"and not in it: {calls_text(calls)}" if calls else "floating-point operations"


def _function(
    function: Function, counts: dict[str, LineCounts], anchors: dict[str, str], code: _Code
) -> dict:
    most_requests = max((one.requests for one in counts.values()), default=0)
    most_flops = max((one.flops for one in counts.values()), default=0)
    rows = []
    for number in range(function.first, function.last + 1):
        line = f"{function.file}:{number}"
        rows.append(
            {
                "number": number,
                "code": code.line(function.file, number),
                "anchor": anchors.get(line, ""),
                "cells": _cells(counts.get(line, LineCounts()), most_requests, most_flops),
            }
        )
    return {"name": function.name, "file": function.file, "rows": rows}


def _cells(one: LineCounts, most_requests: float, most_flops: float) -> list[dict]:
    """The columns of a line: their text, and how strongly to shade them as much or as waste."""

    def cell(text: str, kind: str, strength: float) -> dict:
        return {"text": text, "kind": kind, "strength": f"{max(0.0, min(1.0, strength)):.2f}"}

    empty = cell("", "", 0)
    waste = 1 - one.needed if one.needed is not None else 0.0
    return [
        cell(units.short(one.requests), "much", one.requests / most_requests)
        if one.requests
        else empty,
        cell(f"{one.sectors_per_request:.3g}", "waste", waste)
        if one.sectors_per_request is not None
        else empty,
        cell(f"{100 * one.needed:.0f} %", "waste", waste) if one.needed is not None else empty,
        cell(f"{one.conflict:.3g}×", "waste", 1 - 1 / one.conflict) if one.conflict else empty,
        cell(units.short(one.flops), "much", one.flops / most_flops) if one.flops else empty,
        cell(f"{one.active_lanes:.1f}", "waste", 1 - one.active_lanes / 32)
        if one.active_lanes is not None
        else empty,
    ]


def _pictures(anchor: str, line: str, text: str, one: LineCounts, scale: float) -> dict:
    items = [(access_text(access, scale), _picture(access)) for access in one.accesses]
    return {"anchor": anchor, "line": line or "no line known", "code": text, "items": items}


def _picture(access: Access) -> Picture:
    return bank_picture(access) if access.space == "shared" else access_picture(access)


def _costliest(kernel: Kernel) -> str:
    """The line with the most passes through the L1 cache: of four sectors, or over the banks."""
    costs: dict[str, float] = {}
    for access in kernel.accesses:
        cost = access.sectors / 4 + access.wavefronts
        costs[access.line] = costs.get(access.line, 0) + cost
    return max(costs, key=lambda line: costs[line], default="")


def _roofline(line: Roofline, kernel: Kernel) -> dict:
    return {
        "picture": roofline_picture(line),
        "words": explain(line),
        "sampled": kernel.traced_blocks < kernel.blocks,
        "launches": kernel.launches,
        "source": line.gpu.source,
        "gpus": [
            {
                "name": gpu.name,
                "bandwidth": f"{gpu.bandwidth / 1e12:.3g} TB/s",
                "peak": units.rate(gpu.peak),
                "ridge": f"{gpu.ridge:.3g} flop/byte",
                "moved": units.rate(gpu.ceiling(line.moved)),
                "distinct": units.rate(gpu.ceiling(line.distinct)),
                "chosen": gpu == line.gpu,
            }
            for gpu in GPUS.values()
        ],
    }
