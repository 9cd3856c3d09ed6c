"""The pictures of a report, drawn from evidence (grader/evidence.py).

They are narrow enough for a phone. Evidence may come from a file that anybody has written: what is
not of its form raises ValueError, TypeError, LookupError or ArithmeticError.
"""

import math
from collections.abc import Sequence
from itertools import groupby

from grader.evidence import CELLS, LANES
from grader.scoring import fraction
from simt.profiling import Access, units
from simt.profiling.kernel import SECTOR_BYTES
from simt.profiling.pictures import Picture, access_picture, bank_picture
from simt.profiling.pictures.svg import Canvas
from simt.profiling.roofline import Gpu, Roofline

WIDTH = 360  # pixels
_LEFT, _RIGHT = 46, 348  # of what is plotted


# ---------------------------------------------------------------------------- wrong elements


def error_map(errors: dict) -> Picture:
    """Where an output is wrong: a heat map of cells, with rows and columns of the output."""
    (rows, cols), (tall, wide) = _two(errors["shape"]), _two(errors["cell"])
    cells = errors["cells"]
    down, across = math.ceil(rows / tall), math.ceil(cols / wide)
    if max(down, across) > CELLS or [len(row) for row in cells] != [across] * down:
        raise ValueError("the cells of an error map are not as many as its shape says")
    side = min(20.0, (_RIGHT - _LEFT) / max(down, across))
    height, width = max(side, 14 if down <= 8 else 0), max(side, 14 if across <= 8 else 0)
    top = 40
    bottom = top + down * height
    canvas = Canvas(WIDTH, bottom + 26, f"{errors['case']}: {error_words(errors)}")
    canvas.text(_LEFT, 12, "column", "small soft")
    canvas.text(_LEFT - 6, top - 6, "row", "small soft", "end")
    for index in _ticks(across, width, 34):
        canvas.text(_LEFT + index * width, top - 6, f"{index * wide:,}", "small soft")
    for index in _ticks(down, height, 14):
        y = top + index * height + min(height, 14) / 2 + 4
        canvas.text(_LEFT - 6, y, f"{index * tall:,}", "small soft", "end")
    for i, row in enumerate(cells):
        _draw_row(canvas, top + i * height, (width, height), row)
    if min(width, height) >= 6:
        _draw_grid(canvas, top, (down, across), (height, width))
    row, col = _two(errors["first"], least=0)
    if row < rows and col < cols:
        x, y = _LEFT + col // wide * width, top + row // tall * height
        canvas.rect(x, y, width, height, "first", fill="none", stroke="var(--ink)", stroke_width=2)
    _draw_error_key(canvas, bottom + 12)
    return canvas.picture()


def error_words(errors: dict) -> str:
    """What an error map shows, in words."""
    (rows, cols), (tall, wide) = _two(errors["shape"]), _two(errors["cell"])
    bad = [(i, j) for i, row in enumerate(errors["cells"]) for j, c in enumerate(row) if c != "."]
    if not bad:
        return "no element is wrong"
    last_row = min(rows, (max(i for i, _ in bad) + 1) * tall) - 1
    last_col = min(cols, (max(j for _, j in bad) + 1) * wide) - 1
    first_row, first_col = min(i for i, _ in bad) * tall, min(j for _, j in bad) * wide
    row, col = _two(errors["first"], least=0)
    return (
        f"wrong elements lie in rows {first_row:,} to {last_row:,} and columns {first_col:,} to"
        f" {last_col:,} of {rows:,} × {cols:,}; the first is out[{row}][{col}]"
    )


def _draw_row(canvas: Canvas, y: float, size: tuple[float, float], row: str) -> None:
    """Neighbours that are alike are one rectangle: it keeps the picture small."""
    x, (width, height) = float(_LEFT), size
    for letter, alike in groupby(row):
        wide = width * len(list(alike))
        if letter == ".":
            canvas.rect(x, y, wide, height, "right empty")
        else:
            share = 1.0 if letter == "#" else int(letter) / 10
            title = "all wrong" if letter == "#" else "some wrong"
            canvas.rect(x, y, wide, height, "over", title, fill_opacity=f"{0.2 + 0.8 * share:.2f}")
        x += wide


def _draw_grid(
    canvas: Canvas, top: float, counts: tuple[int, int], sizes: tuple[float, float]
) -> None:
    (down, across), (height, width) = counts, sizes
    right, bottom = _LEFT + across * width, top + down * height
    for i in range(1, across):
        x = _LEFT + i * width
        canvas.line(x, top, x, bottom, "grid", stroke="var(--paper)", stroke_width=0.5)
    for i in range(1, down):
        y = top + i * height
        canvas.line(_LEFT, y, right, y, "grid", stroke="var(--paper)", stroke_width=0.5)


def _draw_error_key(canvas: Canvas, y: float) -> None:
    x = float(_LEFT)
    for kind, opacity, text, width in (
        ("empty edge", "1", "right", 56),
        ("over", "0.4", "some wrong", 88),
        ("over", "1", "all wrong", 74),
    ):
        canvas.rect(x, y, 12, 9, f"legend {kind}", fill_opacity=opacity)
        canvas.text(x + 17, y + 9, text, "small soft")
        x += width
    outline = {"fill": "none", "stroke": "var(--ink)", "stroke_width": 2}
    canvas.rect(x, y, 12, 9, "legend", **outline)
    canvas.text(x + 17, y + 9, "the first", "small soft")


def _ticks(count: int, size: float, room: float) -> range:
    """Every so manyth cell, so that a label has `room` pixels."""
    step = 1
    while step * size < room and step < count:
        step *= 2
    return range(0, count, step)


# ---------------------------------------------------------------------------- points by ratio


def points_curve(curve: dict) -> Picture:
    """Which share of the points a ratio gives, and where the submission stands."""
    full, zero = _number(curve["full_ratio"]), _number(curve["zero_ratio"])
    ratios = [_number(place["ratio"]) for place in curve["places"]]
    end = 1.5 * max(full, zero)  # what lies beyond is drawn at the edge
    top, bottom = 30.0, 150.0

    def place(ratio: float) -> tuple[float, float]:
        x = _LEFT + min(max(ratio, 0.0), end) / end * (_RIGHT - _LEFT)
        return x, bottom - fraction(ratio, full, zero) * (bottom - top)

    canvas = Canvas(WIDTH, 204, curve_words(curve))
    for share in (0, 0.5, 1):
        y = bottom - share * (bottom - top)
        canvas.line(_LEFT, y, _RIGHT, y, "grid edge")
        canvas.text(_LEFT - 6, y + 4, f"{100 * share:.0f} %", "small soft", "end")
    corners = sorted({0.0, full, zero, end})
    line = {"fill": "none", "stroke": "var(--ink)", "stroke_width": 2}
    canvas.path([place(ratio) for ratio in corners], "curve", **line)
    for ratio, what in ((full, "all"), (zero, "none")):
        x, _ = place(ratio)
        canvas.line(x, bottom, x, bottom + 5, "tick", stroke="var(--soft)")
        canvas.text(x, bottom + 17, f"{ratio:g}: {what}", "small soft", "middle")
    canvas.text((_LEFT + _RIGHT) / 2, bottom + 42, _AXIS, "small soft", "middle")
    for one in curve["places"]:
        (low, _), (high, _) = place(_number(one["low"])), place(_number(one["high"]))
        _, y = place(_number(one["ratio"]))
        canvas.line(low, y, high, y, "interval", stroke="var(--over)", stroke_width=3, opacity=0.5)
    for (x, y), names in _together([(place(r), one) for r, one in _named(curve, ratios)]):
        diamond = [(x, y - 7), (x + 7, y), (x, y + 7), (x - 7, y), (x, y - 7)]
        canvas.path(diamond, "you", fill="var(--over)", stroke="var(--paper)", stroke_width=1)
        label = ", ".join(names)
        if bottom > y > top:  # beside the line, on its upper side
            shift, anchor = (-10, "end") if full > zero else (10, "start")
            canvas.text(x + shift, y, label, "over-text strong", anchor)
        else:
            anchor = "start" if x < 120 else "end" if x > _RIGHT - 90 else "middle"
            canvas.text(x, y - 12, label, "over-text strong", anchor)
    return canvas.picture()


_AXIS = "ratio: yours / the reference's"


def curve_words(curve: dict) -> str:
    """The same in words."""
    places = ", ".join(
        f"{one['name'] or 'you'} at {_number(one['ratio']):.2f}" for one in curve["places"]
    )
    return (
        f"All points at a ratio of {curve['full_ratio']:g}, none at {curve['zero_ratio']:g}, a"
        f" straight line in between: {places}"
    )


def _named(curve: dict, ratios: Sequence[float]) -> list[tuple[float, str]]:
    names = [str(one["name"])[:20] for one in curve["places"]]
    return [
        (ratio, f"{name} {ratio:.2f}" if name else f"you: {ratio:.2f}")
        for ratio, name in zip(ratios, names, strict=True)
    ]


def _together(marks: list[tuple[tuple[float, float], str]]) -> list:
    """Marks at nearly one place are one, with all their names."""
    found: list[tuple[tuple[float, float], list[str]]] = []
    for (x, y), name in sorted(marks):
        if found and abs(found[-1][0][0] - x) < 12 and abs(found[-1][0][1] - y) < 20:
            found[-1][1].append(name)
        else:
            found.append(((x, y), [name]))
    return found


# ---------------------------------------------------------------------------- memory traffic


def requests(accesses: list[dict]) -> list[tuple[str, Picture]]:
    """(words, picture) of each access."""
    return [(_access_words(one), _request(one)) for one in map(access_of, accesses)]


def access_of(data: dict) -> Access:
    """The Access that evidence holds."""
    access = Access(**data)
    counts = (access.requests, access.sectors, access.ideal_sectors, access.wavefronts)
    for number in (*counts, access.size, access.element_size, access.start, *access.sample):
        if type(number) is not int or abs(number) > 1 << 60:
            raise ValueError("a count of an access is no whole number")
    if access.size not in (1, 2, 4, 8, 16) or not 0 <= access.start < 128:
        raise ValueError("an access has an impossible size or start")
    if len(access.sample) not in (0, LANES) or access.element_size < 1:
        raise ValueError("a sample of an access is not that of a warp")
    return access


def _request(access: Access) -> Picture:
    return bank_picture(access) if access.space == "shared" else access_picture(access)


def _access_words(access: Access) -> str:
    what = {"load": "reads", "store": "writes"}.get(access.op, "updates")
    words = f"{access.line or 'A line'} {what} {access.array or 'memory'}"
    each = max(1, access.requests)
    if access.space == "shared":
        passes, least = access.wavefronts / each, access.ideal_wavefronts / each
        return f"{words}: {passes:.3g} passes over the banks a request, {least:.3g} would do"
    sectors, least = access.sectors / each, access.ideal_sectors / each
    return f"{words}: {sectors:.3g} sectors a request, {least:.3g} would do"


def roof(one: dict, gpu: Gpu) -> Roofline | None:
    """Where a function stands under a GPU's roof; None where no arithmetic was counted."""
    flops, sectors = _number(one["flops"]), _number(one["sectors"])
    least = _number(one["array_bytes"])
    if min(flops, sectors, least) <= 0:
        return None
    return Roofline(gpu, flops / (SECTOR_BYTES * sectors), flops / least)


# ---------------------------------------------------------------------------- earlier runs


def score_history(entries: Sequence[dict]) -> Picture:
    """The score of each grading in turn, as a share of what could be had; the last is this one."""
    shares = [max(0.0, min(1.0, one["score"] / (one["max_score"] or 1))) for one in entries]
    top, bottom = 30.0, 130.0
    step = (_RIGHT - _LEFT - 12) / max(1, len(shares) - 1)
    points = [
        (_LEFT + 6 + i * step, bottom - share * (bottom - top)) for i, share in enumerate(shares)
    ]
    said = ", ".join(f"{one['score']:g}" for one in entries[-10:])
    canvas = Canvas(WIDTH, 160, f"{units.plural(len(entries), 'score')}, the last ones: {said}")
    for share in (0, 0.5, 1):
        y = bottom - share * (bottom - top)
        canvas.line(_LEFT, y, _RIGHT, y, "grid edge")
        canvas.text(_LEFT - 6, y + 4, f"{100 * share:.0f} %", "small soft", "end")
    line = {"fill": "none", "stroke": "var(--need)", "stroke_width": 2}
    canvas.path(points, "scores", **line)
    for i, (x, y) in enumerate(points):
        last = i == len(points) - 1
        size = 4 if last else 2.5
        kind = "this over" if last else "earlier need"
        title = f"{entries[i]['score']:g} of {entries[i]['max_score']:g}"
        canvas.rect(x - size, y - size, 2 * size, 2 * size, kind, title)
    x, y = points[-1]
    anchor = "end" if len(points) > 1 else "start"
    canvas.text(x + 4, y - 9, f"now {entries[-1]['score']:g}", "over-text strong", anchor)
    canvas.text((_LEFT + _RIGHT) / 2, bottom + 22, "full gradings, in turn", "small soft", "middle")
    return canvas.picture()


# ---------------------------------------------------------------------------- numbers


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{str(value)[:20]!r} is no number")
    return float(value)


def _two(values: Sequence[int], least: int = 1) -> tuple[int, int]:
    first, second = values
    if type(first) is not int or type(second) is not int or min(first, second) < least:
        raise ValueError("a pair of sizes is none")
    return first, second
