"""Lab 5: a step's bytes, warps, bytes in flight, fewer kernels, a history in parts, a graph."""

from __future__ import annotations

from figures.measured import WEIGHTS, C, L, ladder
from figures.style import LEFT, WIDTH, LinearScale, LogScale, Sheet

LAB = "5_tokens_per_second"
NAMES = {
    "2_tiled_linear": "2  tiled linear, no cache",
    "3_kv_cache": "3  KV-cache",
    "4_gemv": "4  linear for m = 1",
    "5_fused": "5  fused, from C++",
    "6_cuda_graph": "6  CUDA graph",
}


def pictures() -> dict[str, str]:
    return {
        "bytes": step_bytes(),
        "ladder": rungs(NAMES, "6_cuda_graph", "float32"),
        "warps": warps(),
        "flight": flight(),
        "fusion": fusion(),
        "parts": parts(),
        "graph": graph(),
    }


def step_bytes() -> str:
    """What a decode step of GPT-2 reads, and the time that takes."""
    _, read = ladder()
    total = sum(WEIGHTS.values()) + L * 4 * C + 2 * C
    sheet = Sheet(
        252,
        f"The {4 * total / 1e6:.0f} MB of weights that a step of GPT-2 124M reads, by part: the"
        " lm_head is the largest",
    )
    title = f"A decode step reads {4 * total / 1e6:.0f} MB of float32 weights, each once"
    sheet.text(LEFT, 26, title, "strong")
    scale = 330 / max(WEIGHTS.values())
    for i, (name, count) in enumerate(WEIGHTS.items()):
        y = 44 + i * 32
        where = name if name == "lm_head" else f"{name}, {L} layers"
        sheet.text(LEFT, y + 17, where)
        sheet.box(LEFT + 196, y, count * scale, 24, "", "share" if name == "lm_head" else "need")
        said = f"{4 * count / 1e6:.1f} MB, {4 * count / read * 1e6:.0f} µs"
        sheet.text(LEFT + 204 + count * scale, y + 17, said, "soft")
    sheet.text(LEFT, 226, f"Times: at the {read / 1e12:.2f} TB/s that an H100 reads (measured).")
    sheet.text(LEFT, 244, "Biases are in them; layernorms are 0.15 MB more.", "small soft")
    return sheet.picture()


def rungs(names: dict[str, str], last: str, weights: str, logarithmic: bool = True) -> str:
    """Tokens/s of rungs, and the ceiling that the bytes of the rung `last` set."""
    measured, read = ladder()
    ceiling = read / measured[last]["bytes_per_step"]
    sheet = Sheet(
        110 + 30 * len(names),
        "Tokens a second of the reference's rungs on an H100, and the ceiling: "
        + "; ".join(f"{n}: {measured[k]['tokens_per_s']:.0f}" for k, n in names.items()),
    )
    sheet.text(LEFT, 26, "Tokens/s on an H100, GPT-2 124M, prompt 10 + 500 tokens", "strong")
    ends = LEFT + 200, WIDTH - 70
    x = LogScale(10, 20000, *ends) if logarithmic else LinearScale(0, 16000, *ends)
    ticks = x.powers() if logarithmic else range(0, 16000, 3000)
    bottom = 44 + 30 * len(names)
    for tick in ticks:
        sheet.line(x(tick), 40, x(tick), bottom, "soft-line dashed")
        sheet.text(x(tick), bottom + 16, f"{tick:,.0f}", "small soft", "middle")
    for i, (key, name) in enumerate(names.items()):
        y, speed = 44 + 30 * i, measured[key]["tokens_per_s"]
        sheet.text(LEFT, y + 16, name)
        kind = "share" if measured[key]["dtype"] != "fp32" else "need"
        sheet.box(ends[0], y, x(speed) - ends[0], 22, "", kind)
        shown = f"{speed:,.0f}" if speed >= 1000 else f"{speed:.3g}"
        sheet.text(ends[0] + 8, y + 16, shown, "on")
    sheet.line(x(ceiling), 36, x(ceiling), bottom, "over-line")
    said = f"ceiling, {weights} weights: {ceiling:,.0f}"
    sheet.text(x(ceiling) + 4, bottom + 36, said, "over-text", "end")
    axis = " The axis is logarithmic." if logarithmic else ""
    sheet.text(LEFT, bottom + 56, f"Measured: docs/ladder.md.{axis}", "small soft")
    return sheet.picture()


def warps() -> str:
    """A row of weights and the lanes that read it."""
    sheet = Sheet(
        250,
        "A warp takes a row of the weights: lane 0 reads the first 16 bytes, lane 1 the next; after"
        " 32 lanes, 512 bytes on, lane 0 again",
    )
    sheet.text(LEFT, 26, "One row of weight (k floats), one warp", "strong")
    pitch, x0 = 41, LEFT
    for block, y in ((0, 46), (1, 104), (2, 162)):
        for i in range(12):
            lane = i if i < 10 else 31 if i == 11 else None
            text = "..." if lane is None else str(lane)
            kind = "empty edge" if lane is None else ("need", "share", "over")[block]
            sheet.box(x0 + i * pitch, y, pitch - 2, 26, text, kind)
        first = 128 * block
        sheet.text(x0 + 12 * pitch + 10, y + 12, f"floats {first} to {first + 127}", "soft")
        sheet.text(x0 + 12 * pitch + 10, y + 28, f"load {block + 1} of each lane", "small soft")
    sheet.text(x0, 92, "number: the lane that reads these 4 floats (16 bytes)", "small soft")
    lines = [
        "All three loads are asked for before the first is used: 1.5 KB in flight, a warp.",
        "Then each lane has a part of the sum, and 5 shuffles add up the 32 parts.",
    ]
    sheet.paragraph(LEFT, 214, lines)
    return sheet.picture()


def flight() -> str:
    """Little's law: a load's latency, with one and with many in flight."""
    sheet = Sheet(
        226,
        "With one load at a time a warp mostly waits; with six in flight it gets six times the"
        " bytes in the same time",
    )
    sheet.text(LEFT, 26, "The same wait, more bytes", "strong")
    x0, wait = LEFT + 130, 120
    sheet.text(LEFT, 62, "one at a time")
    for i in range(4):
        sheet.box(x0 + i * (wait + 14), 46, wait, 22, "wait", "waste")
        sheet.box(x0 + i * (wait + 14) + wait, 46, 11, 22, "", "need")
    sheet.text(LEFT, 126, "six in flight")
    for i in range(6):
        y = 84 + i * 13
        sheet.box(x0 + i * 3, y, wait, 11, "", "waste")
        sheet.box(x0 + wait + i * 13, y, 11, 11, "", "need")
    for i in range(6):
        y = 84 + i * 13
        sheet.box(x0 + wait + 90 + i * 3, y, wait, 11, "", "waste")
        sheet.box(x0 + 2 * wait + 90 + i * 13, y, 11, 11, "", "need")
    said = [
        "bytes in flight = bandwidth × latency (Little’s law)",
        "H100: 3.0 TB/s × 0.7 µs = 2.1 MB, 16 KB on each of its 132 multiprocessors",
    ]
    sheet.paragraph(LEFT, 190, said)
    return sheet.picture()


def fusion() -> str:
    """A layer's kernels, before and after."""
    sheet = Sheet(
        236,
        "A layer as it is given takes 11 kernels; fused, five: what comes before and after a linear"
        " is done by the linear's own kernel",
    )
    before = ["norm", "linear", "keep", "attend", "linear", "add"]
    before += ["norm", "linear", "gelu", "linear", "add"]
    sheet.text(LEFT, 26, "A layer of a decode step, 11 kernels ...", "strong")
    pitch = 61
    for i, name in enumerate(before):
        kind = "need" if name == "linear" else "share" if name == "attend" else "waste"
        sheet.box(LEFT + i * pitch, 40, pitch - 5, 28, name, kind)
    sheet.text(LEFT, 104, "... and 5", "strong")
    spans = [(0, 3, "need"), (3, 4, "share"), (4, 6, "need"), (6, 9, "need"), (9, 11, "need")]
    said = ["norm, linear, keep", "attend", "linear, add", "norm, linear, gelu", "linear, add"]
    for (start, end, kind), text in zip(spans, said, strict=True):
        x = LEFT + start * pitch
        small = "on small" if end - start < 3 else "on"
        sheet.box(x, 130, (end - start) * pitch - 5, 34, text, kind, small)
        for i in range(start, end):
            at = LEFT + (i + 0.46) * pitch
            sheet.line(at, 70, at, 128, "soft-line dashed")
    lines = [
        "What is small rides along: it needs no start of its own, and what it hands on",
        "stays in registers or shared memory.",
    ]
    sheet.paragraph(LEFT, 194, lines)
    return sheet.picture()


def parts(length: int = 40, count: int = 3) -> str:
    """A head's history in parts, a block each, and what they hand on."""
    each = -(-length // count)
    sheet = Sheet(
        252,
        f"A history of {length} positions in {count} parts: each block gives the largest score, the"
        " sum of weights and the sum of weighted values; these are put together",
    )
    sheet.text(LEFT, 26, f"One head, {length} positions, {count} parts of up to {each}", "strong")
    pitch = 16.6
    kinds = ["need", "share", "over"]
    for p in range(length):
        sheet.box(LEFT + p * pitch, 44, pitch - 2, 26, "", kinds[p // each])
    sheet.text(LEFT, 86, "position 0", "small soft")
    sheet.text(LEFT + length * pitch, 86, str(length - 1), "small soft", "end")
    for i in range(count):
        middle = LEFT + (i * each + min(each, length - i * each) / 2) * pitch
        sheet.arrow(middle, 74, middle, 112)
        sheet.box(middle - 100, 114, 200, 48, "", "empty edge")
        sheet.text(middle, 133, f"block {i}: largest score m,", "small", "middle")
        sheet.text(middle, 151, "Σ e^(s − m),  Σ e^(s − m) · v", "small code", "middle")
        sheet.arrow(middle, 166, LEFT + 336 + (i - 1) * 40, 196)
    text = "scaled to the largest m of all, added, divided"
    sheet.box(LEFT + 166, 200, 340, 32, text, "need")
    return sheet.picture()


def graph() -> str:
    """Launches one by one, and as a graph."""
    sheet = Sheet(
        250,
        "Launched one by one, kernels of few microseconds wait for the host and for each start; as"
        " a graph one call starts them all, and the gaps are smaller",
    )
    sheet.text(LEFT, 26, "One launch after the other", "strong")
    for row, (name, y) in enumerate((("host", 40), ("GPU", 74), ("host", 146), ("GPU", 180))):
        sheet.text(LEFT, y + 17, name, "soft")
        pitch = 70 if row < 2 else 52
        for i in range(8):
            if name == "GPU":
                x = LEFT + 84 + i * pitch
                sheet.box(x, y, 44, 24, "kernel", "need", "on small")
            elif row == 0:
                sheet.box(LEFT + 50 + i * pitch, y, 60, 24, "launch", "waste", "small")
    sheet.text(LEFT, 132, "The same step as a graph", "strong")
    sheet.box(LEFT + 50, 146, 110, 24, "cudaGraphLaunch", "waste", "small")
    sheet.box(LEFT + 166, 146, 150, 24, "free for other work", "empty edge", "small")
    said = "What is left between kernels: about 1 µs to start one, 0.7 µs to its first bytes."
    sheet.text(LEFT, 232, said)
    return sheet.picture()
