"""Rung 9's pictures: who hands what to whom in a layer, when, and the two clocks of a step."""

from __future__ import annotations

import statistics

from figures.measured import read
from figures.style import LEFT, WIDTH, LinearScale, Sheet

# From one moment of a layer to another (bench/hopper.py numbers them), and what is done meanwhile.
SPANS = (
    (0, 1, "weights; x: sums of 12 clusters", "over"),
    (1, 2, "query, key, value: multiply", "need"),
    (2, 3, "add up, to the cluster", "share"),
    (3, 4, "attention", "need"),
    (4, 5, "parts, from the cluster", "share"),
    (5, 6, "projection", "need"),
    (6, 7, "fc's weights into registers", "waste"),
    (7, 9, "x: sums of 12 clusters, to all", "over"),
    (9, 10, "fc: multiply", "need"),
    (10, 11, "add up, gelu", "need"),
    (11, 12, "weights into registers", "waste"),
    (12, 13, "the inside, from the cluster", "share"),
    (13, 14, "projection", "need"),
)


def data_flow() -> str:
    """A layer in one cluster: phases, their weights, and how each hands on what it has."""
    sheet = Sheet(
        440,
        "A layer of rung 9: x is gathered through L2, sent to the 8 blocks of a cluster, becomes"
        " query, key and value, attention, a projection; through L2 again; fc and the second"
        " projection. Weights come from a ring that one warp keeps full",
    )
    sheet.text(LEFT, 26, "A layer, in one cluster of 8 blocks (a head)", "strong")
    left, right = LEFT + 8, LEFT + 344
    steps = [
        (left, 88, "query, key, value", "24 rows a block × 768"),
        (left, 178, "attention", "every 8th position a block"),
        (left, 268, "projection", "96 rows a block × 64"),
        (right, 88, "fc, gelu", "32 rows a block × 768"),
        (right, 178, "projection of the MLP", "96 rows a block × 256"),
    ]
    for x, y, name, share in steps:
        sheet.box(x, y, 190, 26, name, "need")
        sheet.text(x + 95, y + 42, share, "small soft", "middle")
    for x, y, text in (
        (left, 114, "in the cluster: 192 floats"),
        (left, 204, "in the cluster: 8 parts"),
        (right, 114, "in the cluster: 256 floats"),
    ):
        sheet.arrow(x + 214, y - 12, x + 214, y + 74, "share-line")
        sheet.text(x + 222, y + 34, text.partition(": ")[0], "small share-text")
        sheet.text(x + 222, y + 50, text.partition(": ")[2], "small share-text")
    # Through L2: sums of 12 clusters, and x for all.
    for x, text in ((left, "x: sums of 12 clusters"), (right, "x: sums of 12 clusters")):
        sheet.box(x, 44, 190, 24, text, "over")
        sheet.arrow(x + 95, 69, x + 95, 86, "share-line")
    up = [(left + 192, 281), (left + 300, 281), (left + 300, 56), (right - 4, 56)]
    sheet.path(up, "over-line")
    sheet.arrow(right - 12, 56, right - 2, 56, "over-line")
    sheet.path([(right + 192, 191), (right + 300, 191), (right + 300, 56)], "over-line dashed")
    sheet.arrow(right + 300, 56, right + 194, 56, "over-line")
    sheet.text(right + 96, 240, "to the next layer, or the lm_head", "small over-text", "middle")
    y = 348
    sheet.text(LEFT, y - 8, "The ring, 16 slots of 12 KB", "strong")
    names = ["qkv", "qkv", "qkv", "proj", *["fc"] * 4, *["proj"] * 4, *["next"] * 4]
    sheet.row(LEFT, y, 42, names, ["share"] * 8 + ["need"] * 4 + ["empty edge"] * 4)
    legend = "a bulk copy a slot, asked for by one thread once all 12 warps have let go of it"
    sheet.text(LEFT, y + 44, legend, "soft")
    lines = (("share-line", "st.async, 0.2 µs"), ("over-line", "L2, and on to the cluster: 0.6 µs"))
    for i, (kind, text) in enumerate(lines):
        sheet.line(LEFT + i * 180, y + 70, LEFT + i * 180 + 24, y + 70, kind)
        sheet.text(LEFT + i * 180 + 32, y + 74, text, "soft")
    return sheet.picture()


def clocks() -> str:
    """Stream, chain and the step of both, as they were measured, by type of weight."""
    found = read("hopper.json")
    names = {"fp32": "float32", "bf16": "bfloat16", "int8": "int8"}
    kinds = {"stream": "share", "chain": "over", "both": "need"}
    times = {
        name: {bar: statistics.median(found["ideas"][key]["us"][found["clocks"][bar]])
               for bar in kinds}
        for key, name in names.items()
    }  # fmt: skip
    said = "; ".join(
        f"{name}: " + ", ".join(f"{bar} {us:.0f}" for bar, us in each.items())
        for name, each in times.items()
    )
    sheet = Sheet(312, f"The time of a step in microseconds, each clock alone and both. {said}")
    sheet.text(LEFT, 26, "The two clocks of a step, each alone and both, µs", "strong")
    most = 1.1 * max(us for each in times.values() for us in each.values())
    scale = LinearScale(0, most, LEFT + 90, WIDTH - LEFT - 40)
    for tick in range(0, int(most) + 1, 30):
        sheet.line(scale(tick), 40, scale(tick), 272, "soft-line dashed")
        sheet.text(scale(tick), 290, f"{tick}", "small soft", "middle")
    for i, (name, each) in enumerate(times.items()):
        y = 48 + i * 76
        sheet.text(LEFT, y + 34, name, "strong")
        for j, (bar, us) in enumerate(each.items()):
            width = scale(us) - scale(0)
            sheet.box(scale(0), y + 20 * j, width, 18, f"{bar} {us:.0f}", kinds[bar])
    return sheet.picture()


def timeline() -> str:
    """A layer's moments as they were measured, of one warp."""
    found = read("hopper.json")
    moments = found["moments"]["bf16"]
    clock = found["state_after"]["sm_clock_mhz"]
    sheet = Sheet(
        96 + 20 * len(SPANS),
        "A layer of rung 9 in cycles, of one warp: "
        + "; ".join(f"{text}: {moments[b] - moments[a]:.0f}" for a, b, text, _ in SPANS),
    )
    title = f"A layer in bfloat16: {moments[-1]:,.0f} cycles, {moments[-1] / clock:.1f} µs"
    sheet.text(LEFT, 26, title, "strong")
    scale = LinearScale(0, moments[-1], LEFT + 220, WIDTH - LEFT - 60)
    bottom = 44 + 20 * len(SPANS)
    for tick in range(0, int(moments[-1]) + 1, 2000):
        sheet.line(scale(tick), 38, scale(tick), bottom, "soft-line dashed")
        sheet.text(scale(tick), bottom + 16, f"{tick:,}", "small soft", "middle")
    for i, (start, end, text, kind) in enumerate(SPANS):
        y = 44 + 20 * i
        sheet.text(LEFT, y + 12, text, "small")
        left, right = scale(moments[start]), scale(moments[end])
        sheet.box(left, y, max(2, right - left), 15, "", kind)
        sheet.text(right + 6, y + 12, f"{moments[end] - moments[start]:,.0f}", "small soft")
    legend = (("over", "L2"), ("share", "the cluster"), ("need", "computed"), ("waste", "weights"))
    for i, (kind, text) in enumerate(legend):
        sheet.box(LEFT + i * 150, bottom + 26, 14, 14, "", kind)
        sheet.text(LEFT + i * 150 + 22, bottom + 38, text, "soft")
    return sheet.picture()
