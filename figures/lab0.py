"""Lab 0: GPT-2 from top to bottom, its two phases, the roof, and the ladder that the labs climb."""

from __future__ import annotations

import json
from pathlib import Path

from figures.style import LEFT, WIDTH, LogScale, Sheet
from simt.profiling.roofline import GPUS

LAB = "0_model"
LADDER = Path(__file__).resolve().parent.parent / "docs" / "ladder.json"


def pictures() -> dict[str, str]:
    return {"model": model(), "phases": phases(), "roofline": roofline(), "ladder": ladder()}


def model() -> str:
    """Ids in, logits out; which boxes are yours."""
    sheet = Sheet(
        306,
        "GPT-2: token ids are embedded, pass through blocks of layernorm, attention, layernorm and"
        " MLP, a last layernorm and a linear that gives the logits of the next token",
    )
    sheet.text(LEFT, 28, "GPT-2, from ids to logits", "strong")
    sheet.box(LEFT, 56, 96, 30, "token ids", "empty edge")
    sheet.box(LEFT + 124, 56, 96, 30, "embedding", "empty edge")
    sheet.box(LEFT + 248, 56, 136, 30, "L blocks (below)", "waste")
    sheet.box(LEFT + 412, 56, 96, 30, "layernorm", "need")
    sheet.box(LEFT + 536, 56, 136, 30, "linear → logits", "share")
    for x in (96, 220, 384, 508):
        sheet.arrow(LEFT + x + 2, 71, LEFT + x + 26, 71)
    sheet.rect(LEFT, 116, WIDTH - 2 * LEFT, 142, "", rx=6, fill="none", stroke="var(--edge)")
    sheet.text(LEFT + 12, 138, "one block: attention, then the MLP; each adds to what comes in")
    parts = [("layernorm", "need"), ("linear", "share"), ("attention", "empty edge")]
    _chain(sheet, 154, [*parts, ("linear", "share")])
    mlp = [("layernorm", "need"), ("linear", "share"), ("gelu", "over"), ("linear", "share")]
    _chain(sheet, 208, mlp)
    said = [("over", "lab 1: gelu"), ("need", "lab 2: layernorm"), ("share", "lab 3: linear")]
    for i, (kind, text) in enumerate(said):
        sheet.rect(LEFT + i * 160, 274, 14, 14, kind, rx=2)
        sheet.text(LEFT + 22 + i * 160, 286, text, "soft")
    return sheet.picture()


def _chain(sheet: Sheet, y: float, parts: list[tuple[str, str]]) -> None:
    x, width, gap = LEFT + 40, 112, 26
    sheet.text(x - 22, y + 21, "x", "code")
    for i, (name, kind) in enumerate(parts):
        left = x + i * (width + gap)
        sheet.arrow(left - (12 if not i else gap) + 2, y + 16, left - 2, y + 16)
        sheet.box(left, y, width, 32, name, kind)
    left = x + len(parts) * (width + gap)
    sheet.arrow(left - gap + 2, y + 16, left - 2, y + 16)
    sheet.text(left + 6, y + 21, "+ x", "code")


def phases(prompt: int = 6, new: int = 5) -> str:
    """What is fed to the model, step by step, without and with a cache."""
    sheet = Sheet(
        268,
        f"A prompt of {prompt} tokens and {new} new ones. Without a cache each step feeds the whole"
        " text again; with one, the prompt is fed once, then one token a step",
    )
    cell, row = 23.0, 30.0
    for x, title, cached in (
        (LEFT, "Without a cache (now)", False),
        (LEFT + 350, "With a KV-cache (lab 4)", True),
    ):
        sheet.text(x, 28, title, "strong")
        for step in range(new):
            y = 44 + step * row
            for i in range(prompt + step):
                fed = not cached or step == 0 or i == prompt + step - 1
                kind = "empty edge"
                if fed:
                    kind = "need" if step == 0 else "over"
                sheet.rect(x + 62 + i * cell + 1, y, cell - 2, 22, kind, rx=3)
            sheet.text(x, y + 16, "prefill" if step == 0 else "decode", "small soft")
        total = prompt + new - 1 if cached else sum(prompt + s for s in range(new))
        sheet.text(x, 44 + new * row + 18, f"{total} tokens fed for {new} new ones", "soft")
    for i, (kind, text) in enumerate(
        (("need", "fed: the prompt"), ("over", "fed to decode"), ("empty edge", "remembered"))
    ):
        sheet.rect(LEFT + i * 160, 236, 14, 14, kind, rx=2)
        sheet.text(LEFT + 22 + i * 160, 248, text, "soft")
    return sheet.picture()


def roofline() -> str:
    """The roof of an H100, and where GPT-2's two phases lie."""
    gpu = GPUS["H100"]
    sheet = Sheet(
        356,
        "Roofline of an H100: decoding has half an operation a byte and can reach 1.5 TFLOP/s at"
        " most; a prefill of 512 tokens has 256 and can reach the full 67 TFLOP/s",
    )
    left, right = 92, WIDTH - 40
    x_axis, y_axis = LogScale(0.1, 1000, left, right), LogScale(1e11, 2e14, 292, 48)
    sheet.text(LEFT, 26, "The roof of an H100 (float32)", "strong")
    for power in y_axis.powers():
        y = y_axis(power)
        sheet.line(left, y, right, y, "", stroke="var(--edge)")
        sheet.text(left - 6, y + 4, f"{power / 1e12:g} TFLOP/s", "small soft", "end")
    for power in x_axis.powers():
        sheet.text(x_axis(power), 310, f"{power:g}", "small soft", "middle")
    sheet.text((left + right) / 2, 334, "operations for each byte of memory", "soft", "middle")
    edge = [(x_axis(i), y_axis(gpu.ceiling(i))) for i in (0.1, gpu.ridge, 1000)]
    sheet.path(edge, "need-line")
    sheet.text(x_axis(2), y_axis(gpu.ceiling(2)) - 16, "3.0 TB/s", "need-text", "end")
    sheet.text(x_axis(60), y_axis(gpu.peak) - 10, "67 TFLOP/s", "need-text")
    for intensity, lines in (
        (0.5, ["decode: 0.5", f"at most {gpu.ceiling(0.5) / 1e12:.1f} TFLOP/s"]),
        (256.0, ["prefill of 512: 256", f"at most {gpu.ceiling(256) / 1e12:.0f} TFLOP/s"]),
    ):
        x, y = x_axis(intensity), y_axis(gpu.ceiling(intensity))
        sheet.line(x, y, x, 292, "over-line dashed")
        sheet.rect(x - 4, y - 4, 8, 8, "over", rx=4)
        side = ("start", 8) if intensity < 1 else ("end", -8)
        for i, line in enumerate(lines):
            sheet.text(x + side[1], 250 + 18 * i, line, "over-text", side[0])
    return sheet.picture()


def ladder() -> str:
    """Tokens/s of each rung, from docs/ladder.json."""
    data = json.loads(LADDER.read_text())
    workload = data["workloads"][0]
    rungs = [r for r in workload["results"] if r["rung"] and "error" not in r]
    sheet = Sheet(
        84 + 28 * len(rungs),
        "Tokens/s of the reference's rungs on an H100: "
        + ", ".join(f"{r['label']} {r['tokens_per_s']:,.0f}" for r in rungs),
    )
    title = f"GPT-2 124M on an H100, tokens/s ({workload['new']} tokens, one text at a time)"
    sheet.text(LEFT, 28, title, "strong")
    x_axis = LogScale(4, 6e3, 170, WIDTH - 90)
    labs = {"1": "lab 3", "2": "lab 3", "3": "lab 4", "4": "lab 5", "5": "lab 5", "6": "lab 5"}
    for i, r in enumerate(rungs):
        y, rate = 44 + 28 * i, r["tokens_per_s"]
        kind = "over" if r["dtype"] != "fp32" else "need"
        sheet.text(LEFT, y + 16, r["label"])
        sheet.rect(x_axis.start, y, x_axis(rate) - x_axis.start, 22, kind, rx=3)
        number = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
        sheet.text(x_axis(rate) + 6, y + 16, number, "strong")
        lab = labs.get(r["label"][0], "lab 6" if r["label"][0] > "6" else "")
        sheet.text(WIDTH - LEFT, y + 16, lab, "small soft", "end")
    sheet.text(
        LEFT, 66 + 28 * len(rungs), "Orange: weights of 16 or 8 bits. Logarithmic.", "small soft"
    )
    return sheet.picture()
