"""A variable in shared memory, as it is declared, each word shaded by how often it is used."""

from __future__ import annotations

import math
from itertools import groupby

from simt.profiling.kernel import SharedUse
from simt.profiling.pictures.svg import Canvas, Picture

_LEFT, _TOP, _WIDTH = 48, 46, 872  # pixels; the width is that of the cells
_MIN_WIDTH = 500  # room for words
_MAX_ROWS = 128


def tile_shape(use: SharedUse) -> tuple[int, int]:
    """Rows and columns of 4-byte words: the last extent is a row.

    Rows of 32 words, one for each bank, where there is but one extent or a row is no whole words.
    """
    words = len(use.accesses)
    columns = use.extents[-1] * use.element_size // 4 if _has_rows(use) else 32
    columns = max(1, min(columns, words))
    return math.ceil(words / columns), columns


def _has_rows(use: SharedUse) -> bool:
    return len(use.extents) > 1 and use.extents[-1] * use.element_size % 4 == 0


def tile_picture(name: str, use: SharedUse) -> Picture:
    """A heat map of the accesses of each word."""
    rows, columns = tile_shape(use)
    shown = min(rows, _MAX_ROWS)
    cell = max(3.0, min(_WIDTH / columns, 352 / shown, 20))
    most = max(use.accesses, default=0)
    said = summary(name, use)
    canvas = Canvas(_LEFT + max(_MIN_WIDTH, columns * cell) + 16, _TOP + shown * cell + 30, said)
    canvas.text(_LEFT, 16, said, "strong")
    for column in range(0, columns, 8 if columns > 8 else 1):
        label = str(column * 4 // use.element_size if _has_rows(use) else column)
        canvas.text(_LEFT + (column + 0.5) * cell, _TOP - 5, label, "small soft", "middle")
    for row in range(shown):
        y = _TOP + row * cell
        if row % max(1, math.ceil(14 / cell)) == 0:
            label = str(row if _has_rows(use) else row * columns * 4 // use.element_size)
            canvas.text(_LEFT - 6, y + cell / 2 + 4, label, "small soft", "end")
        _draw_row(canvas, y, cell, use.accesses[row * columns : (row + 1) * columns], most)
    if cell >= 5:
        for column in range(1, columns):
            x = _LEFT + column * cell
            canvas.line(x, _TOP, x, _TOP + shown * cell, "grid", stroke="var(--paper)")
        for row in range(1, shown):
            y = _TOP + row * cell
            canvas.line(_LEFT, y, _LEFT + columns * cell, y, "grid", stroke="var(--paper)")
    _draw_legend(canvas, _TOP + shown * cell + 12, use, rows - shown)
    return canvas.picture()


def summary(name: str, use: SharedUse) -> str:
    """In words: how often the words of the variable are used, and how many never."""
    declared = name
    if name.isidentifier():
        declared += "".join(f"[{extent}]" for extent in use.extents)
    counts = [count for count in use.accesses if count]
    if not counts:
        return f"{declared} is never used"
    low, high = min(counts), max(counts)
    often = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    unused = len(use.accesses) - len(counts)
    never = f"; {unused:,} of {len(use.accesses):,} words never" if unused else ""
    return f"{declared}: each word is used {often} times{never}"


def _draw_row(canvas: Canvas, y: float, cell: float, counts: list[int], most: int) -> None:
    """Neighbours that are used equally often are one rectangle: it keeps the picture small."""
    x = float(_LEFT)
    for count, equal in groupby(counts):
        width = cell * len(list(equal))
        if count:
            strength = f"{0.15 + 0.85 * count / most:.3f}"
            canvas.rect(x, y, width, cell, "used need", f"{count:,} times", fill_opacity=strength)
        else:
            canvas.rect(x, y, width, cell, "unused waste", "never used")
        x += width


def _draw_legend(canvas: Canvas, y: float, use: SharedUse, hidden_rows: int) -> None:
    canvas.rect(_LEFT, y, 12, 9, "legend need", fill_opacity="0.15")
    canvas.rect(_LEFT + 12, y, 12, 9, "legend need", fill_opacity="0.6")
    canvas.rect(_LEFT + 24, y, 12, 9, "legend need")
    canvas.text(
        _LEFT + 42, y + 9, f"used, {max(use.accesses, default=0):,} times at most", "small soft"
    )
    if 0 in use.accesses:
        canvas.rect(_LEFT + 216, y, 12, 9, "legend waste")
        canvas.text(_LEFT + 234, y + 9, "never, as padding is", "small soft")
    if hidden_rows > 0:
        canvas.text(_LEFT + _MIN_WIDTH, y + 9, f"{hidden_rows:,} more rows", "small soft", "end")
