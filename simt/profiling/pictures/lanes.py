"""The 32 lanes of a warp, as pictures of requests show them: a row of numbered boxes."""

from __future__ import annotations

from simt.profiling import units
from simt.profiling.kernel import Access
from simt.profiling.pictures.svg import Canvas

LEFT, PITCH, WIDTH = 88, 26, 936  # pixels: of the first lane, from one to the next, of a picture


def lane_colour(lane: int) -> str:
    """From blue (lane 0) to magenta (lane 31)."""
    return f"hsl({208 + 3.6 * lane:.0f} 62% {50 + 0.1 * lane:.0f}%)"


def draw_lanes(canvas: Canvas, y: float, sample: list[int]) -> None:
    """A row of lanes; those that took no part are hollow. 20 pixels high."""
    canvas.text(LEFT - 10, y + 14, "lane", "soft", "end")
    for lane, offset in enumerate(sample):
        x = LEFT + lane * PITCH
        active = offset >= 0
        fill = {"fill": lane_colour(lane)} if active else {}
        canvas.rect(x + 1, y, PITCH - 2, 20, "lane" if active else "idle edge", rx=3, **fill)
        kind = "on small" if active else "soft small"
        canvas.text(x + PITCH / 2, y + 14, str(lane), kind, "middle")


def lanes_text(lanes: list[int]) -> str:
    """[0, 1, 2, 5] -> "lanes 0–2, 5"; with many gaps, how many they are."""
    runs: list[list[int]] = []
    for lane in lanes:
        if runs and lane == runs[-1][1] + 1:
            runs[-1][1] = lane
        else:
            runs.append([lane, lane])
    if len(runs) > 2:
        return f"{len(lanes)} lanes"
    spans = ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)
    return f"lane{'s' if len(lanes) > 1 else ''} {spans}"


def request_text(access: Access) -> str:
    """ "A request of 32 lanes, 4 bytes each"."""
    active = sum(offset >= 0 for offset in access.sample)
    return f"A request of {units.plural(active, 'lane')}, {units.plural(access.size, 'byte')} each"


def element(array: str, element_size: int, offset: int) -> str:
    """What a byte offset is called: weight[768]; where the array has no name, byte 3,072."""
    if array.isidentifier() and element_size:
        return f"{array}[{offset // element_size:,}]"
    return f"byte {offset:,}"
