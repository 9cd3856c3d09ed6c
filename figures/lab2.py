"""Lab 2: who shares which row, a reduction by shuffles, barriers, and the digits of a variance."""

from __future__ import annotations

import random
import struct

from figures.style import LEFT, WIDTH, LogScale, Sheet

LAB = "2_layernorm"


def pictures() -> dict[str, str]:
    return {
        "rows": rows(),
        "shuffles": shuffles(),
        "levels": levels(),
        "barriers": barriers(),
        "variance": variance(),
    }


def rows(columns: int = 14, threads: int = 4, shown: int = 3) -> str:
    """A block a row; its threads go along it side by side."""
    sheet = Sheet(
        214,
        f"One block for each row. Its {threads} threads take {threads} neighbouring columns at a"
        " time, then the next ones",
    )
    pitch, x, y = 40.0, 110.0, 44.0
    kinds = ["need", "share", "over", "waste"]
    sheet.text(LEFT, 26, f"Rows of {columns} columns, blocks of {threads} threads", "strong")
    for row in range(shown):
        top = y + row * 36
        sheet.text(LEFT, top + 18, f"block {row}", "soft")
        for c in range(columns):
            t = c % threads
            sheet.box(x + c * pitch + 1, top, pitch - 2, 26, f"t{t}", kinds[t])
    for start in range(0, columns, threads):
        width = min(threads, columns - start) * pitch
        left, bottom = x + start * pitch, y + shown * 36 + 2
        sheet.path(
            [
                (left + 3, bottom),
                (left + 3, bottom + 6),
                (left + width - 3, bottom + 6),
                (left + width - 3, bottom),
            ],
            "soft-line",
        )
        sheet.text(
            left + width / 2, bottom + 22, f"turn {start // threads}", "small soft", "middle"
        )
    sheet.text(
        LEFT, 200, "Neighbours in the block read neighbours in memory, in every turn.", "soft"
    )
    return sheet.picture()


def shuffles() -> str:
    """The largest of eight lanes, in three steps."""
    values = [3, 9, 4, 1, 7, 2, 8, 5]
    sheet = Sheet(
        300,
        "Eight lanes, each with a number. In steps of distance 4, 2 and 1 each lane takes the"
        " larger of its own and that of the lane so far to the right; lane 0 ends with the largest",
    )
    pitch, x, y = 66.0, 130.0, 48.0
    sheet.text(LEFT, 26, "The largest of 8 lanes (a warp has 32, and two steps more)", "strong")
    distance, step = 4, 0
    sheet.text(LEFT, y + 18, "at first", "soft")
    needed = len(values)
    while True:
        top = y + step * 70
        for lane, value in enumerate(values):
            kind = "need" if lane < needed else "empty edge"
            sheet.box(x + lane * pitch + 1, top, pitch - 8, 26, str(value), kind)
        if distance == 0:
            break
        sheet.text(LEFT, top + 88, f"distance {distance}", "soft")
        for lane in range(distance):
            middle, other = x + lane * pitch + 26, x + (lane + distance) * pitch + 26
            sheet.arrow(middle, top + 28, middle, top + 67)
            sheet.arrow(other, top + 28, middle + 8, top + 67, "need-line")
        values = [
            max(v, values[lane + distance]) if lane + distance < len(values) else v
            for lane, v in enumerate(values)
        ]
        needed, distance, step = distance, distance // 2, step + 1
    return sheet.picture()


def levels() -> str:
    """Within warps by shuffles, then between them by shared memory."""
    sheet = Sheet(
        240,
        "Each of four warps has a result in its lane 0, writes it to shared memory, and after a"
        " barrier every thread of the block can read all four",
    )
    sheet.text(LEFT, 26, "A block of 4 warps: 128 threads, one result", "strong")
    x, pitch = 120.0, 146.0
    sheet.text(LEFT, 62, "warps", "soft")
    sheet.text(LEFT, 132, "shared", "soft")
    sheet.text(LEFT, 200, "registers", "soft")
    for warp in range(4):
        left = x + warp * pitch
        sheet.box(left, 44, 44, 28, "lane 0", "need", "on small")
        sheet.box(left + 46, 44, 84, 28, f"… of warp {warp}", "empty edge", "small")
        sheet.arrow(left + 22, 74, x + 215 + warp * 36, 113)
    sheet.row(x + 198, 116, 36, ["0", "1", "2", "3"], "share")
    sheet.line(x, 160, WIDTH - LEFT, 160, "over-line dashed")
    sheet.text(WIDTH - LEFT, 153, "barrier", "over-text", "end")
    for warp in range(4):
        left = x + warp * pitch
        sheet.box(left, 182, 130, 28, "all four, each thread", "empty edge", "small")
        sheet.arrow(x + 270, 142, left + 65, 179)
    sheet.text(LEFT, 230, "How the results are combined is your exercise.", "small soft")
    return sheet.picture()


def barriers() -> str:
    """Two warps at one place in shared memory: without and with the second barrier."""
    sheet = Sheet(
        264,
        "Without a second barrier a fast warp writes the next row while a slow one still reads"
        " this one; with it, nobody writes before all have read",
    )
    _lanes(sheet, 46, "One barrier a turn", second=False)
    _lanes(sheet, 170, "Two barriers a turn", second=True)
    return sheet.picture()


def _lanes(sheet: Sheet, y: float, title: str, second: bool) -> None:
    x = 96.0
    sheet.text(LEFT, y - 16, title, "strong")
    sheet.text(LEFT, y + 18, "warp 0")
    sheet.text(LEFT, y + 58, "warp 1")
    write, read = 90, 80
    sheet.box(x, y, write, 28, "writes row 0", "share", "on small")
    sheet.box(x, y + 40, write + 30, 28, "writes row 0", "share", "on small")
    first = x + write + 36
    _barrier(sheet, first, y)
    sheet.box(first + 8, y, read, 28, "reads row 0", "need", "on small")
    sheet.box(first + 70, y + 40, read + 60, 28, "reads row 0, late", "need", "on small")
    if second:
        gate = first + 218
        _barrier(sheet, gate, y)
        sheet.box(gate + 8, y, write, 28, "writes row 1", "share", "on small")
        sheet.box(gate + 8, y + 40, write, 28, "writes row 1", "share", "on small")
        sheet.text(gate + 110, y + 38, "all have read: now write", "soft")
    else:
        left = first + 8 + read + 2
        sheet.box(left, y, write, 28, "writes row 1", "over", "on small")
        sheet.arrow(left + write - 12, y + 29, left + write - 12, y + 39, "over-line")
        sheet.text(left + write + 50, y + 18, "a race: warp 1 may read row 1", "over-text")


def _barrier(sheet: Sheet, x: float, y: float) -> None:
    sheet.line(x, y - 8, x, y + 76, "soft-line", stroke_width=3)


def single(value: float) -> float:
    """Rounded to float32."""
    return struct.unpack("f", struct.pack("f", value))[0]


def float32_variances(values: list[float]) -> tuple[float, float]:
    """Of float32 numbers, in float32, one addition after the other: in one pass, and in two."""
    n, total, squares = len(values), 0.0, 0.0
    for x in values:
        total, squares = single(total + x), single(squares + single(x * x))
    mean = single(total / n)
    one = single(single(squares / n) - single(mean * mean))
    distances = 0.0
    for x in values:
        d = single(x - mean)
        distances = single(distances + single(d * d))
    return one, single(distances / n)


def errors(means: list[float], n: int = 768) -> list[tuple[float, float, float]]:
    """(mean, error of one pass, of two), relative, of rows with variance near 1."""
    draw = random.Random(0)
    row = [draw.gauss(0, 1) for _ in range(n)]
    found = []
    for offset in means:
        values = [single(offset + x) for x in row]
        mean = sum(values) / n
        exact = sum((x - mean) ** 2 for x in values) / n  # in double
        one, two = float32_variances(values)
        found.append((offset, abs(one / exact - 1), abs(two / exact - 1)))
    return found


def variance() -> str:
    """The relative error of both, by the mean of the row."""
    sheet = Sheet(
        330,
        "The relative error of a variance in float32: in one pass it grows with the square of the"
        " mean, and passes 100 % at a mean of some thousands; in two passes it stays small",
    )
    measured = errors([10 ** (i / 4) for i in range(17)])
    x_axis = LogScale(1, 1e4, 90, WIDTH - 190)
    y_axis = LogScale(1e-8, 1e3, 280, 46)
    sheet.text(LEFT, 26, "Relative error of the variance, float32, rows of 768", "strong")
    for power in y_axis.powers()[::2]:
        y = y_axis(power)
        sheet.line(x_axis.start, y, x_axis.end, y, "", stroke="var(--edge)")
        sheet.text(x_axis.start - 8, y + 4, f"{power:g}", "small soft", "end")
    for power in x_axis.powers():
        sheet.text(x_axis(power), 298, f"{power:g}", "small soft", "middle")
    sheet.text((x_axis.start + x_axis.end) / 2, 318, "mean of the row", "soft", "middle")
    for column, kind, name in ((1, "over", "one pass: E[x²] − E[x]²"), (2, "need", "two passes")):
        points = [
            (x_axis(m[0]), y_axis(min(max(m[column], y_axis.low), y_axis.high))) for m in measured
        ]
        sheet.path(points, f"{kind}-line")
        end_x, end_y = points[-1]
        sheet.text(end_x + 8, end_y + 4, name, f"{kind}-text")
    y = y_axis(1)
    sheet.line(x_axis.start, y, x_axis.end, y, "soft-line dashed")
    sheet.text(x_axis.start + 6, y - 6, "no digit is right", "small soft")
    return sheet.picture()
