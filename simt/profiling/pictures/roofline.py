"""The roof of a GPU, and where a kernel stands under it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simt.profiling import units
from simt.profiling.pictures.svg import Canvas, Picture
from simt.profiling.roofline import Roofline

WIDTH, HEIGHT = 936, 390
_LEFT, _RIGHT, _TOP, _BOTTOM = 88, 700, 30, 340  # the axes
_TEN = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"


@dataclass(frozen=True)
class Mark:
    """An intensity of the kernel."""

    intensity: float  # flop/byte
    kind: str  # a colour of svg.STYLE
    words: tuple[str, ...]


class Axes:
    """Both logarithmic, in powers of ten that hold all that is drawn."""

    def __init__(self, intensities: list[float], rates: list[float]):
        self.x = math.floor(math.log10(min(intensities))), math.ceil(math.log10(max(intensities)))
        self.y = math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates)))

    def place(self, intensity: float, rate: float) -> tuple[float, float]:
        """Pixels of a point."""
        (x0, x1), (y0, y1) = self.x, self.y
        right = (math.log10(intensity) - x0) / (x1 - x0)
        up = (math.log10(rate) - y0) / (y1 - y0)
        return _LEFT + right * (_RIGHT - _LEFT), _BOTTOM - up * (_BOTTOM - _TOP)


def roofline_picture(roofline: Roofline) -> Picture:
    """Rates that are possible at each intensity, and the kernel's two intensities. No rate is
    measured: what is marked is the ceiling."""
    gpu = roofline.gpu
    low = min(roofline.moved, roofline.distinct, 0.1) / 1.5
    high = max(roofline.moved, roofline.distinct, gpu.ridge * 8) * 1.5
    axes = Axes([low, high], [gpu.ceiling(low) / 2, gpu.peak])
    label = (
        f"Roofline of {gpu.name}: at most {units.rate(gpu.ceiling(roofline.moved))} at "
        f"{roofline.moved:.3g} flop/byte, {units.rate(gpu.ceiling(roofline.distinct))} at "
        f"{roofline.distinct:.3g} flop/byte"
    )
    canvas = Canvas(WIDTH, HEIGHT, label)
    _draw_axes(canvas, axes)
    marks = _marks(roofline)
    _draw_roof(canvas, axes, roofline, [mark.intensity for mark in marks])
    for i, mark in enumerate(marks):
        _draw_intensity(canvas, axes, roofline, mark)
        _draw_key(canvas, _TOP + 60 + 90 * i, roofline, mark)
    return canvas.picture()


def _marks(roofline: Roofline) -> list[Mark]:
    moved = Mark(roofline.moved, "over", ("by the bytes moved,", "as if no cache helped"))
    distinct = Mark(roofline.distinct, "need", ("by distinct bytes,", "each moved once"))
    return [distinct] if math.isclose(moved.intensity, distinct.intensity) else [moved, distinct]


def _power(exponent: int) -> str:
    if -2 <= exponent <= 3:
        return f"{10.0**exponent:,g}"
    digits = "".join(_TEN[int(digit)] for digit in str(abs(exponent)))
    return f"10{'⁻' * (exponent < 0)}{digits}"


def _draw_axes(canvas: Canvas, axes: Axes) -> None:
    (x0, x1), (y0, y1) = axes.x, axes.y
    for exponent in range(x0, x1 + 1):
        x, _ = axes.place(10.0**exponent, 10.0**y0)
        canvas.line(x, _TOP, x, _BOTTOM, "grid edge")
        canvas.text(x, _BOTTOM + 16, _power(exponent), "small soft", "middle")
    for exponent in range(y0, y1 + 1):
        _, y = axes.place(10.0**x0, 10.0**exponent)
        canvas.line(_LEFT, y, _RIGHT, y, "grid edge")
        canvas.text(_LEFT - 8, y + 4, units.rate(10.0**exponent), "small soft", "end")
    middle = (_LEFT + _RIGHT) / 2
    canvas.text(middle, _BOTTOM + 38, "arithmetic intensity, flop/byte", "soft", "middle")


def _draw_roof(canvas: Canvas, axes: Axes, roofline: Roofline, marks: list[float]) -> None:
    gpu = roofline.gpu
    left, right = 10.0 ** axes.x[0], 10.0 ** axes.x[1]
    bottom = 10.0 ** axes.y[0]
    start = max(left, bottom / gpu.bandwidth)
    points = [
        axes.place(start, gpu.ceiling(start)),
        axes.place(gpu.ridge, gpu.peak),
        axes.place(right, gpu.peak),
    ]
    floor = [axes.place(right, bottom), axes.place(start, bottom)]
    canvas.path([*points, *floor], "under", fill="var(--need)", fill_opacity="0.08")
    canvas.path(points, "roof", fill="none", stroke="var(--ink)", stroke_width=2)
    x, y = axes.place(gpu.ridge, gpu.peak)
    canvas.text(_RIGHT - 8, y + 18, f"peak of {gpu.name}: {units.rate(gpu.peak)}", "", "end")
    canvas.line(x, _TOP - 14, x, _BOTTOM, "ridge", stroke="var(--soft)", stroke_dasharray="2 4")
    canvas.text(x - 8, _TOP - 8, "memory-bound", "small soft", "end")
    canvas.text(x + 8, _TOP - 8, "compute-bound", "small soft")
    (ax, ay), (bx, by) = points[0], points[1]
    taken = [axes.place(intensity, gpu.peak)[0] for intensity in marks]
    along = max(
        (0.3, 0.5, 0.7), key=lambda part: min(abs(ax + (bx - ax) * part - x) for x in taken)
    )
    degrees = math.degrees(math.atan2(by - ay, bx - ax))
    at_x, at_y = ax + (bx - ax) * along, ay + (by - ay) * along
    canvas.rotated_text(at_x - 5, at_y - 7, degrees, f"memory: {gpu.bandwidth / 1e12:.3g} TB/s")


def _draw_intensity(canvas: Canvas, axes: Axes, roofline: Roofline, mark: Mark) -> None:
    """A vertical line up to the roof."""
    bottom = 10.0 ** axes.y[0]
    x, y = axes.place(mark.intensity, max(bottom, roofline.gpu.ceiling(mark.intensity)))
    stroke = {"stroke": f"var(--{mark.kind})", "stroke_width": 2.5}
    canvas.line(x, _BOTTOM, x, y, f"intensity {mark.kind}-line", **stroke)
    canvas.line(x - 7, y, x + 7, y, "ceiling", **stroke)


def _draw_key(canvas: Canvas, y: float, roofline: Roofline, mark: Mark) -> None:
    x = _RIGHT + 24
    rate = units.rate(roofline.gpu.ceiling(mark.intensity))
    canvas.line(x, y - 9, x, y + 52, "key", stroke=f"var(--{mark.kind})", stroke_width=2.5)
    canvas.text(x + 10, y, f"{mark.intensity:.3g} flop/byte", f"{mark.kind}-text strong")
    for i, line in enumerate(mark.words):
        canvas.text(x + 10, y + 16 * (i + 1), line, "soft")
    canvas.text(x + 10, y + 16 * (len(mark.words) + 1), f"ceiling: {rate}")
