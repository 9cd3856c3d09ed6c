"""Lab 6: the bits of a weight, what fewer cost, and a kernel that does not end."""

from __future__ import annotations

from figures import hopper
from figures.lab5 import rungs
from figures.measured import relative_errors
from figures.style import LEFT, WIDTH, LogScale, Sheet

LAB = "6_beyond"
NAMES = {
    "6_cuda_graph": "6  CUDA graph, float32",
    "7_bf16": "7  bf16 weights",
    "7_int8": "7  int8 weights",
    "8_persistent_fp32": "8  persistent, float32",
    "8_persistent": "8  persistent, bf16",
    "9_hopper_fp32": "9  Hopper, float32",
    "9_hopper": "9  Hopper, bf16",
    "9_hopper_int8": "9  Hopper, int8",
}


def pictures() -> dict[str, str]:
    return {
        "bits": bits(),
        "errors": errors(),
        "barriers": barriers(),
        "ladder": rungs(NAMES, "7_bf16", "bf16", logarithmic=False),
        "hopper": hopper.data_flow(),
        "hopper_clocks": hopper.clocks(),
        "hopper_timeline": hopper.timeline(),
    }


def bits() -> str:
    """Sign, exponent and fraction of each type."""
    sheet = Sheet(
        212,
        "float32 has 1 sign, 8 exponent and 23 fraction bits; bfloat16 is its upper half, with 7"
        " fraction bits; int8 is a whole number with one scale for each row",
    )
    sheet.text(LEFT, 26, "A weight in 32, 16 and 8 bits", "strong")
    pitch = 16.5
    types = [("float32", 1, 8, 23), ("bfloat16", 1, 8, 7), ("int8", 1, 0, 7)]
    for i, (name, sign, exponent, fraction) in enumerate(types):
        y = 44 + i * 44
        sheet.text(LEFT, y + 18, name, "strong")
        kinds = ["over"] * sign + ["share"] * exponent + ["need"] * fraction
        for j, kind in enumerate(kinds):
            sheet.box(LEFT + 84 + j * pitch, y, pitch - 2, 26, "", kind)
    text = "× a float32 scale for each row: its largest |weight| / 127"
    sheet.text(LEFT + 84 + 8 * pitch + 10, 150, text, "soft")
    for i, (kind, text) in enumerate((("over", "sign"), ("share", "exponent"), ("need", "digits"))):
        sheet.box(LEFT + i * 130, 180, 16, 16, "", kind)
        sheet.text(LEFT + i * 130 + 24, 193, text, "soft")
    return sheet.picture()


def errors() -> str:
    """How far off the logits are, by type of weight."""
    found = relative_errors()
    shown = {"6_cuda_graph": "float32", "7_bf16": "bf16", "7_int8": "int8"}
    sheet = Sheet(
        212,
        "Largest error of a logit, over the largest logit: "
        + ", ".join(f"{name} {found[rung]:.1e}" for rung, name in shown.items()),
    )
    title = "Largest error of a logit / largest logit (bundled model, 512 positions)"
    sheet.text(LEFT, 26, title, "strong")
    x = LogScale(1e-7, 1, LEFT + 90, WIDTH - 60)
    allowed = {"6_cuda_graph": 1e-4, "7_bf16": 0.03, "7_int8": 0.1}
    for tick in x.powers():
        sheet.line(x(tick), 40, x(tick), 146, "soft-line dashed")
        sheet.text(x(tick), 162, f"{tick:g}", "small soft", "middle")
    for i, (rung, name) in enumerate(shown.items()):
        y = 46 + i * 34
        sheet.text(LEFT, y + 17, name, "strong")
        kind = "need" if i == 0 else "share"
        sheet.box(x(1e-7), y, x(found[rung]) - x(1e-7), 24, f"{found[rung]:.1e}", kind)
        sheet.line(x(allowed[rung]), y - 3, x(allowed[rung]), y + 27, "over-line")
    sheet.line(LEFT, 188, LEFT + 22, 188, "over-line")
    sheet.text(LEFT + 30, 192, "what the decoder check allows. Measured: docs/accuracy.md", "soft")
    return sheet.picture()


def barriers() -> str:
    """Kernels in a row, a persistent kernel, and one whose weights stream ahead."""
    sheet = Sheet(
        300,
        "Between kernels memory is idle; a persistent kernel has a barrier there instead; if the"
        " next weights are requested before the barrier, memory is never idle",
    )
    rows = [
        ("kernels in a graph", "waste", 26, 40),
        ("one kernel, grid barriers", "over", 12, 124),
        ("and weights requested ahead", "over", 12, 208),
    ]
    for name, kind, gap, y in rows:
        sheet.text(LEFT, y - 8, name, "strong")
        ahead = "ahead" in name
        for i in range(5):
            x = LEFT + 80 + i * (76 + gap)
            sheet.box(x, y, 76, 22, "compute", "need")
            if i < 4:
                sheet.rect(x + 77, y, gap - 2, 22, kind, rx=2)
            if not ahead:
                sheet.box(x + 6, y + 26, 64, 18, "", "share")
        if ahead:
            sheet.box(LEFT + 62, y + 26, 5 * 88 - 40, 18, "", "share")
        sheet.text(LEFT, y + 39, "memory", "small soft")
        sheet.text(LEFT, y + 15, "blocks", "small soft")
    sheet.paragraph(LEFT, 280, ["A grid barrier alone: 1.0 µs over 132 blocks (measured, H100)."])
    return sheet.picture()
