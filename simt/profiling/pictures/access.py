"""One request of a warp to global memory: its lanes above, the memory that they touch below."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable

from simt.profiling import units
from simt.profiling.kernel import SECTOR_BYTES, Access
from simt.profiling.pictures.lanes import (
    LEFT,
    PITCH,
    WIDTH,
    draw_lanes,
    element,
    lane_colour,
    lanes_text,
    request_text,
)
from simt.profiling.pictures.svg import Canvas, Picture

LINE_BYTES = 128
_ROW, _GAP, _SECTOR_GAP = 50, 16, 2  # pixels: a row of lines, between lines, between sectors
_LANES_Y, _MEMORY_Y = 28, 60


def touched_sectors(access: Access) -> list[int]:
    """The 32-byte sectors of the sampled request, numbered from the 128-byte line that the array
    starts in; in order."""
    found = set()
    for offset in access.sample:
        if offset >= 0:
            first, last = access.start + offset, access.start + offset + access.size - 1
            found.update(range(first // SECTOR_BYTES, last // SECTOR_BYTES + 1))
    return sorted(found)


def access_picture(access: Access) -> Picture:
    """Lanes, and the lines and sectors that one request of them touches; "" without a sample."""
    sectors = touched_sectors(access)
    if not sectors:
        return Picture("")
    lines = sorted({sector * SECTOR_BYTES // LINE_BYTES for sector in sectors})
    per_row = {1: 1, 2: 2}.get(len(lines), 4)  # few lines are drawn wide
    rows = math.ceil(len(lines) / per_row)
    said = summary(access)
    bottom = _MEMORY_Y + (80 if rows == 1 else rows * _ROW + 6)
    canvas = Canvas(WIDTH, bottom + 12, said)
    canvas.text(LEFT, 16, said, "strong")
    draw_lanes(canvas, _LANES_Y, access.sample)

    line_width = (32 * PITCH - (per_row - 1) * _GAP) / per_row
    word = (line_width - 3 * _SECTOR_GAP) / 32  # of 4 bytes
    users = _lanes_by_offset(access)
    first_y = _MEMORY_Y + (32 if rows == 1 else 16)
    canvas.text(LEFT - 10, first_y + 15, "memory", "soft", "end")
    places = {
        line: (LEFT + i % per_row * (line_width + _GAP), first_y + i // per_row * _ROW)
        for i, line in enumerate(lines)
    }

    def x_of(byte: int) -> float:
        x, _ = places[byte // LINE_BYTES]
        within = byte % LINE_BYTES
        return x + within / 4 * word + within // SECTOR_BYTES * _SECTOR_GAP

    if rows == 1:  # each lane's way to its bytes
        for offset, lanes in users.items():
            middle = x_of(access.start + offset) + access.size / 8 * word
            for lane in lanes:
                top = LEFT + (lane + 0.5) * PITCH
                way = {"stroke": lane_colour(lane), "stroke_width": 1.5, "opacity": 0.7}
                canvas.line(top, _LANES_Y + 21, middle, first_y - 1, "way", **way)
    for line, (x, y) in places.items():
        _draw_line(canvas, x, y, word, line, sectors)
        label_y = y + 35 if rows == 1 else y - 4
        _label_line(canvas, access, users, line, x, label_y, line_width)
    for offset, lanes in users.items():
        _draw_bytes(canvas, access, offset, lanes, places, x_of, word)
    _draw_legend(canvas, bottom)
    return canvas.picture()


def summary(access: Access) -> str:
    """In words: what the sampled request touches, and how little could do."""
    sectors, offsets = len(touched_sectors(access)), {o for o in access.sample if o >= 0}
    needed = math.ceil(len(offsets) * access.size / SECTOR_BYTES)
    text = f"{request_text(access)}: {units.plural(sectors, 'sector')} of 32 bytes touched"
    return text if sectors == needed else f"{text}; {needed} would do"


def _lanes_by_offset(access: Access) -> dict[int, list[int]]:
    users = defaultdict(list)
    for lane, offset in enumerate(access.sample):
        if offset >= 0:
            users[offset].append(lane)
    return users


def _draw_line(
    canvas: Canvas, x: float, y: float, word: float, line: int, sectors: list[int]
) -> None:
    """Four sectors side by side; what a touched one holds that nobody asked for is waste."""
    for i in range(LINE_BYTES // SECTOR_BYTES):
        left = x + i * (8 * word + _SECTOR_GAP)
        kind = "sector waste" if line * 4 + i in sectors else "sector empty edge"
        canvas.rect(left, y, 8 * word, 22, kind, rx=1.5)


def _label_line(
    canvas: Canvas,
    access: Access,
    users: dict[int, list[int]],
    line: int,
    x: float,
    y: float,
    width: float,
) -> None:
    here = [o for o in users if (access.start + o) // LINE_BYTES == line]
    if here:  # not only the last bytes of an access that starts in the line before
        name = element(access.array, access.element_size, min(here))
        lanes = sorted(lane for offset in here for lane in users[offset])
        canvas.text(x + width, y, lanes_text(lanes), "small soft", "end")
        room = (width - 70) / 6  # characters
        canvas.text(x, y, name if len(name) <= room else f"…{name[-int(room) :]}", "small soft")


def _draw_bytes(
    canvas: Canvas,
    access: Access,
    offset: int,
    lanes: list[int],
    places: dict[int, tuple[float, float]],
    x_of: Callable[[int], float],
    word: float,
) -> None:
    """The bytes that lanes asked for, sector by sector."""
    at, end = access.start + offset, access.start + offset + access.size
    title = f"{lanes_text(lanes)}: {element(access.array, access.element_size, offset)}"
    while at < end:
        stop = min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
        _, y = places[at // LINE_BYTES]
        width = (stop - at) / 4 * word
        inset = min(0.5, width / 8)
        canvas.rect(
            x_of(at) + inset, y, width - 2 * inset, 22, "bytes", title, fill=lane_colour(lanes[0])
        )
        if width >= 22:
            label = str(lanes[0]) if len(lanes) == 1 else f"×{len(lanes)}"
            canvas.text(x_of(at) + width / 2, y + 15, label, "on small", "middle", title)
        at = stop


def _draw_legend(canvas: Canvas, y: float) -> None:
    x = LEFT
    for kind, text, width in (
        ("lane", "asked for, in the lane's colour", 216),
        ("waste", "moved with it, not asked for", 200),
        ("empty edge", "not moved", 80),
    ):
        fill = {"fill": lane_colour(8)} if kind == "lane" else {}
        canvas.rect(x, y, 12, 9, f"legend {kind}", **fill)
        canvas.text(x + 18, y + 9, text, "small soft")
        x += width
    line = "4 sectors side by side: a line of 128 bytes"
    canvas.text(WIDTH - 16, y + 9, line, "small soft", "end")
