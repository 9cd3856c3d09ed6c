"""What the widget draws: a call's launches with their source, arrays and steps, as plain data.

    {"function", "case", "is_wrong", "launches": [launch, ...], "steps": base64 of int32}

A launch has "kernel", "shape" ("<<<2×2, 32×32>>>"), "grid", "warps" and "threads" (of a block),
"lost" (steps that were not kept), and

    source    [{"name", "file", "first", "lines"}]: functions, a line as [[kind, text], ...]
    arrays    [{"name", "space", "rows", "cols", "cell", "size", "start"}]: cell: bytes of one;
              start: bytes past a multiple of 128
    patterns  [[32 numbers]]: where each lane goes, in bytes from the step's offset; -1: nowhere
    forms     as simt.tracing.Form, "lanes" a number in patterns, and "why" it costs what it does
    blocks    [[number, first step, end]]

The steps of all launches lie in one array of (form, warp, offset).
"""

import base64
import math
from pathlib import Path

import numpy as np
from pygments.lexers import CudaLexer
from pygments.token import Comment, Keyword, Literal, Name, Token

from grader.kernels.cases import Case
from mingpt.paths import INCLUDE
from simt.lines import place
from simt.listing import Sources
from simt.profiling.findings import why_conflicts, why_scattered
from simt.profiling.kernel import Access
from simt.profiling.text import shape
from simt.tracing import Array, Form, Step, Trace

LINE_BYTES = 128
ROW = 32  # cells in a row of what has no shape: one for each bank
KINDS = (  # of source text, for its colours
    (Comment, "comment"),
    (Keyword.Type, "type"),
    (Keyword, "keyword"),
    (Literal.Number, "number"),
    (Literal.String, "string"),
    (Name.Builtin, "type"),
)


def build(
    case: Case, launches: list[Trace], buffers: dict[str, int], source: Path, is_wrong: bool
) -> dict:
    """The scene. buffers: the address of each of gpt.h's arrays; is_wrong: the output is."""
    sources = Sources([source], [INCLUDE])
    shapes = {buffers["out"]: case.shape}
    for name, values in case.inputs.items():
        if values is not None:
            shapes[buffers[name]] = (1, *values.shape)[-2:]
    steps: list[Step] = []
    scenes = [_launch(launch, sources, shapes, steps) for launch in launches if launch.blocks]
    packed = np.array(steps, "<i4").tobytes()
    return {
        "function": case.function,
        "case": case.name,
        "is_wrong": is_wrong,
        "launches": scenes,
        "steps": base64.b64encode(packed).decode(),
    }


def _launch(launch: Trace, sources: Sources, shapes: dict, steps: list[Step]) -> dict:
    starts = {step.form: step.offset for block in launch.blocks.values() for step in block[::-1]}
    patterns = dict.fromkeys(form.lanes for form in launch.forms if form.lanes)
    numbers = {lanes: i for i, lanes in enumerate(patterns)}
    blocks = []
    for number, own in launch.blocks.items():
        blocks.append([number, len(steps), len(steps) + len(own)])
        steps += own
    lines = {form.line for form in launch.forms if form.line}
    return {
        "kernel": launch.kernel,
        "shape": f"<<<{shape(launch.grid)}, {shape(launch.block)}>>>",
        "grid": launch.grid,
        "warps": launch.num_warps,
        "threads": math.prod(launch.block),
        "lost": launch.lost,
        "source": _source(sources, launch.kernel, lines),
        "arrays": [_array(array, shapes) for array in launch.arrays],
        "patterns": list(numbers),
        "forms": [
            _form(launch, form, starts.get(i, 0), numbers) for i, form in enumerate(launch.forms)
        ],
        "blocks": blocks,
    }


def _form(launch: Trace, form: Form, offset: int, patterns: dict[tuple, int]) -> dict:
    if form.kind == "barrier":
        return {"kind": form.kind, "line": form.line, "what": form.what, "threads": form.threads}
    fields = {"kind": form.kind, "line": form.line, "lanes": patterns[form.lanes]}
    if form.kind == "meeting":
        return {**fields, "what": form.what}
    why = ""
    if form.cost > form.ideal:
        explain = why_conflicts if is_shared(launch, form) else why_scattered
        why = explain(access(launch, form, offset))
    return {
        **fields,
        **{name: getattr(form, name) for name in ("op", "size", "array", "cost", "ideal")},
        "why": why,
    }


def is_shared(launch: Trace, form: Form) -> bool:
    return launch.arrays[form.array].space == "shared"


def access(launch: Trace, form: Form, offset: int) -> Access:
    """A request as simt's pictures and sentences take it. offset: bytes from the array's start."""
    array = launch.arrays[form.array]
    costs = ("wavefronts", "ideal_wavefronts") if array.space == "shared" else (
        "sectors", "ideal_sectors")  # fmt: skip
    return Access(
        line=form.line,
        space=array.space,
        op=form.op,
        size=form.size,
        requests=1,
        lanes=form.active,
        array=array.name,
        element_size=array.element_size,
        start=array.start % LINE_BYTES,
        sample=[-1 if at < 0 else at + offset for at in form.lanes],
        **dict(zip(costs, (form.cost, form.ideal), strict=True)),
    )


def _array(array: Array, shapes: dict[int, tuple[int, int]]) -> dict:
    rows, cols, cell = _grid(array, shapes.get(array.start) if array.space == "global" else None)
    return {
        "name": array.name or "memory",
        "space": "shared" if array.space == "shared" else "global",
        "rows": rows,
        "cols": cols,
        "cell": cell,
        "size": array.size or rows * cols * cell,
        "start": array.start % LINE_BYTES,
    }


def _grid(array: Array, known: tuple[int, int] | None) -> tuple[int, int, int]:
    """Rows and columns, as it is used or declared, and the bytes of a cell: an element, or where
    that is a struct or a vector 4 bytes of it."""
    if known:
        return *known, 4
    cell = array.element_size if array.element_size in (1, 2, 4, 8) else 4
    cells = max(1, array.size // cell)
    if len(array.extents) > 1:
        cols = max(1, array.extents[-1] * array.element_size // cell)
    else:
        cols = cells if cells <= 2 * ROW else ROW
    return math.ceil(cells / cols), cols, cell


def _source(sources: Sources, kernel: str, lines: set[str]) -> list[dict]:
    """The kernel, and each function that a step is in."""
    functions = sources.functions(kernel, lines)
    coloured = {f.file: _coloured(sources.code(f.file)) for f in functions}
    return [
        {
            "name": f.name,
            "file": f.file,
            "first": f.first,
            "lines": coloured[f.file][f.first - 1 : f.last],
        }
        for f in sorted(functions, key=lambda f: place(f"{f.file}:{f.first}"))
    ]


def _coloured(text: str) -> list[list[list[str]]]:
    """Each line as [[kind, text], ...]."""
    lines: list[list[list[str]]] = [[]]
    for token, value in CudaLexer(stripnl=False).get_tokens(text.replace("\r", "")):
        kind = next((kind for of, kind in KINDS if token in of), "")
        if token is Token.Text or not value.strip():
            kind = ""
        for i, part in enumerate(value.split("\n")):
            if i:
                lines.append([])
            if part:
                lines[-1].append([kind, part])
    return lines
