"""The look of the labs' pictures: simt's colours, light and dark, on a card of their own paper.

A picture stands in a page of unknown colour (JupyterLab's theme, an exported page), so each brings
its background. WIDTH leaves text readable where a notebook shares the screen with an editor.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from simt.profiling.pictures.svg import Canvas

WIDTH = 720  # pixels, of every picture
LEFT = 24  # of its content

STYLE = """
.simt { font-size: 13px } .simt .small { font-size: 11px } .simt .large { font-size: 15px }
.simt .paper { fill: var(--paper) } .simt .soft-line { stroke: var(--soft); fill: none }
.simt .need-line { stroke: var(--need); fill: none; stroke-width: 2 }
.simt .over-line { stroke: var(--over); fill: none; stroke-width: 2 }
.simt .share-line { stroke: var(--share); fill: none; stroke-width: 2 }
.simt .dashed { stroke-dasharray: 5 4 }
.simt .code { font-family: ui-monospace, "DejaVu Sans Mono", monospace }
.simt .share-text { fill: color-mix(in srgb, var(--share) 80%, var(--ink)) }
"""


class Sheet(Canvas):
    """A canvas with its own paper, and the shapes that the labs' pictures are made of.

    Kinds of areas: need (what is asked for), over (what it costs on top), waste (a pale over),
    share (what several use), empty edge (a hollow box). Kinds of lines: soft-line, need-line,
    over-line, share-line, each also dashed. Kinds of text: strong, soft, small, large, code, on
    (on a filled area), need-text, over-text, share-text.
    """

    def __init__(self, height: float, label: str, width: float = WIDTH):
        """label: what the picture says, for those who do not see it."""
        super().__init__(width, height, label)
        ElementTree.SubElement(self._svg, "style").text = STYLE
        self.rect(0.5, 0.5, width - 1, height - 1, "paper", rx=8, stroke="var(--edge)")

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        text: str = "",
        kind: str = "empty edge",
        text_kind: str = "",
    ) -> None:
        """A rectangle with a line of text in its middle."""
        self.rect(x, y, width, height, kind, rx=min(3, height / 4))
        if text:
            colour = text_kind or ("" if "empty" in kind or "waste" in kind else "on")
            self.text(x + width / 2, y + height / 2 + 4.5, text, colour, "middle")

    def row(
        self,
        x: float,
        y: float,
        pitch: float,
        texts: Sequence[str],
        kinds: str | Sequence[str] = "empty edge",
        height: float = 24,
        text_kind: str = "",
    ) -> None:
        """Boxes side by side, `pitch` pixels from one to the next."""
        for i, text in enumerate(texts):
            kind = kinds if isinstance(kinds, str) else kinds[i]
            self.box(x + i * pitch + 1, y, pitch - 2, height, text, kind, text_kind)

    def paragraph(self, x: float, y: float, lines: Sequence[str], kind: str = "") -> None:
        """Lines of text, 18 pixels apart."""
        for i, line in enumerate(lines):
            self.text(x, y + 18 * i, line, kind)

    def arrow(self, x1: float, y1: float, x2: float, y2: float, kind: str = "soft-line") -> None:
        """A line with a head at its second end."""
        self.line(x1, y1, x2, y2, kind)
        angle = math.atan2(y2 - y1, x2 - x1)
        wings = [(x2 - 8 * math.cos(angle + a), y2 - 8 * math.sin(angle + a)) for a in (0.4, -0.4)]
        solid = kind.replace(" dashed", "")
        self.path([wings[0], (x2, y2), wings[1]], solid)


class LogScale:
    """Places of numbers on a logarithmic axis, in pixels; `start` may be below or above `end`."""

    def __init__(self, low: float, high: float, start: float, end: float):
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + part * (self.end - self.start)

    def powers(self, base: int = 10) -> list[float]:
        """The powers of `base` on it."""
        first = math.ceil(math.log(self.low) / math.log(base) - 1e-9)
        last = math.floor(math.log(self.high) / math.log(base) + 1e-9)
        return [float(base) ** i for i in range(first, last + 1)]


class LinearScale:
    """The same on an ordinary axis."""

    def __init__(self, low: float, high: float, start: float, end: float):
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)
