"""One request of a warp to shared memory: which lanes each of the 32 banks serves, pass by pass."""

from __future__ import annotations

from dataclasses import dataclass

from simt.profiling import units
from simt.profiling.kernel import Access
from simt.profiling.pictures.lanes import (
    LEFT,
    PITCH,
    WIDTH,
    draw_lanes,
    element,
    lanes_text,
    request_text,
)
from simt.profiling.pictures.svg import Canvas, Picture

BANKS, BANK_BYTES = 32, 4
_ROW, _TOP = 19, 92  # pixels


@dataclass(frozen=True)
class Pass:
    """What the banks deliver at once (a wavefront): one word each, to all lanes that want it."""

    group: int  # of lanes that are served together: 0, or 0..1 of 8-byte, 0..3 of 16-byte accesses
    number: int  # within the group, from 0; those past 0 are extra
    words: dict[int, tuple[int, list[int]]]  # by bank: the word, and its lanes


def passes(access: Access) -> list[Pass]:
    """How the sampled request is served, as runtime/traffic.cpp counts it.

    All lanes at once if each wants 4 bytes or less; halves of them for 8 bytes, quarters for 16.
    A bank gives one 4-byte word a pass, to any number of lanes.
    """
    lanes = [lane for lane, offset in enumerate(access.sample) if offset >= 0]
    at_once = 32 if access.size <= 4 else 16 if access.size == 8 else 8
    found = []
    for group, first in enumerate(range(0, len(lanes), at_once)):
        wanted: dict[int, dict[int, list[int]]] = {}  # by bank and word: lanes
        for lane in lanes[first : first + at_once]:
            start = access.start + access.sample[lane]
            for at in range(start, start + access.size, BANK_BYTES):
                word = at // BANK_BYTES
                wanted.setdefault(word % BANKS, {}).setdefault(word, []).append(lane)
        for number in range(max(len(words) for words in wanted.values())):
            served = {
                bank: list(words.items())[number]
                for bank, words in wanted.items()
                if number < len(words)
            }
            found.append(Pass(group, number, served))
    return found


def bank_picture(access: Access) -> Picture:
    """Lanes, and below them the passes over the banks that serve them; "" without a sample."""
    rows = passes(access)
    if not rows:
        return Picture("")
    groups = rows[-1].group + 1
    said = summary(access, len(rows), groups)
    height = _TOP + len(rows) * _ROW
    canvas = Canvas(WIDTH, height + 26, said)
    canvas.text(LEFT, 16, said, "strong")
    draw_lanes(canvas, 28, access.sample)
    canvas.text(LEFT - 10, _TOP - 14, "bank", "soft", "end")
    for bank in range(BANKS):
        x = LEFT + (bank + 0.5) * PITCH
        canvas.text(x, _TOP - 14, str(bank), "small soft", "middle")
    for i, one in enumerate(rows):
        _draw_pass(canvas, access, _TOP - 6 + i * _ROW, one, groups)
    _draw_legend(canvas, height + 8, access)
    return canvas.picture()


def summary(access: Access, rows: int, groups: int) -> str:
    """In words: how many passes the sampled request takes, and how few could do."""
    text = f"{request_text(access)}: {units.plural(rows, 'pass')} over the banks"
    return text if rows == groups else f"{text}; {groups} would do"


def _draw_pass(canvas: Canvas, access: Access, y: float, one: Pass, groups: int) -> None:
    label = f"pass {one.number + 1}"
    if groups > 1:
        label = f"group {one.group + 1}, {label}"
    canvas.text(LEFT - 10, y + 13, label, "small" if one.number == 0 else "small over-text", "end")
    for bank in range(BANKS):
        x = LEFT + bank * PITCH + 1
        if bank not in one.words:
            canvas.rect(x, y, PITCH - 2, _ROW - 3, "bank empty", rx=2)
            continue
        word, lanes = one.words[bank]
        offset = word * BANK_BYTES - access.start
        name = element(access.array, access.element_size, offset)
        title = f"bank {bank} gives {name} to {lanes_text(lanes)}"
        kind = "over" if one.number else "share" if len(lanes) > 1 else "need"
        canvas.rect(x, y, PITCH - 2, _ROW - 3, f"bank {kind}", title, rx=2)
        text = str(lanes[0]) if len(lanes) == 1 else f"×{len(lanes)}"
        canvas.text(x + PITCH / 2 - 1, y + 12, text, "on small", "middle", title)


def _draw_legend(canvas: Canvas, y: float, access: Access) -> None:
    x = LEFT
    for kind, text, width in (
        ("need", "a word for one lane (its number)", 206),
        ("share", "one word for n lanes at once: ×n", 200),
        ("over", "an extra pass: a bank conflict", 180),
    ):
        canvas.rect(x, y, 12, 9, f"legend {kind}")
        canvas.text(x + 18, y + 9, text, "small soft")
        x += width
    if access.size > 4:
        served = "half" if access.size == 8 else "quarter"
        canvas.text(WIDTH - 16, y + 9, f"group: a {served} of the lanes", "small soft", "end")
