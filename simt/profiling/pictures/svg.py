"""Pictures as SVG text: what the drawings of a profile have in common.

A `Picture` stands for itself: it has its own colours, light and dark, and asks nothing of the page
or notebook that shows it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

# Blue: what is asked for. Orange: what it costs on top. The two can be told apart by all eyes.
STYLE = """
.simt { --ink: #1f2328; --soft: #59636e; --edge: #c4ccd4; --empty: #f3f5f7; --paper: #fff;
  --need: #2f6bd0; --share: #7a3fb8; --waste: #f5c28f; --over: #c2570c; --over-text: #b04d08;
  font: 12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif }
@media screen and (prefers-color-scheme: dark) { .simt { --ink: #e6edf3; --soft: #9aa5b1;
  --edge: #3d4650; --empty: #1a2028; --paper: #0e1319; --need: #3b78dd; --share: #8a55d6;
  --waste: #7d4a1c; --over: #cf651a; --over-text: #f0883e } }
@media print { .simt { print-color-adjust: exact } }
.simt text { fill: var(--ink) } .simt .soft { fill: var(--soft) } .simt .small { font-size: 10px }
.simt .strong { font-weight: 600 } .simt .on { fill: #fff }
.simt .over-text { fill: var(--over-text) }
.simt .need-text { fill: color-mix(in srgb, var(--need) 80%, var(--ink)) }
.simt .edge { fill: none; stroke: var(--edge) } .simt .empty { fill: var(--empty) }
.simt .need { fill: var(--need) } .simt .share { fill: var(--share) }
.simt .waste { fill: var(--waste) } .simt .over { fill: var(--over) }
"""


class Picture(str):
    """An SVG image as text. Notebooks draw it; templates take it as it is."""

    def _repr_svg_(self) -> str:
        return str(self)

    def __html__(self) -> str:
        return str(self)


class Canvas:
    """Draws a picture, in pixels from its upper left corner."""

    def __init__(self, width: float, height: float, label: str):
        """label: what the picture says, for those who do not see it."""
        self._svg = ElementTree.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {width:g} {height:g}",
                "width": f"{width:g}",
                "height": f"{height:g}",
                "class": "simt",
                "role": "img",
                "aria-label": label,
                "style": "max-width:100%;height:auto",
            },
        )
        ElementTree.SubElement(self._svg, "style").text = STYLE

    def rect(
        self, x: float, y: float, width: float, height: float, kind: str, title: str = "", **more
    ) -> None:
        self._add("rect", kind, title, more, x=x, y=y, width=width, height=height)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str, **more) -> None:
        self._add("line", kind, "", more, x1=x1, y1=y1, x2=x2, y2=y2)

    def path(self, points: list[tuple[float, float]], kind: str, **more) -> None:
        steps = " L".join(f"{x:.4g},{y:.4g}" for x, y in points)
        self._add("path", kind, "", {"d": f"M{steps}", **more})

    def text(
        self, x: float, y: float, text: str, kind: str = "", anchor: str = "start", title: str = ""
    ) -> None:
        """anchor: which end of the text stands at x: "start", "middle" or "end"."""
        more = {} if anchor == "start" else {"text-anchor": anchor}
        self._add("text", kind, title, more, text=text, x=x, y=y)

    def rotated_text(self, x: float, y: float, degrees: float, text: str) -> None:
        """Text in the middle of x, turned about that point."""
        more = {"text-anchor": "middle", "transform": f"rotate({degrees:.4g} {x:.6g} {y:.6g})"}
        self._add("text", "", "", more, text=text, x=x, y=y)

    def picture(self) -> Picture:
        return Picture(ElementTree.tostring(self._svg, encoding="unicode"))

    def _add(
        self, tag: str, kind: str, title: str, more: dict, text: str = "", **numbers: float
    ) -> None:
        attributes = {name: f"{value:.6g}" for name, value in numbers.items()}
        attributes |= {name.replace("_", "-"): str(value) for name, value in more.items()}
        if kind:
            attributes["class"] = kind
        element = ElementTree.SubElement(self._svg, tag, attributes)
        if text:
            element.text = text
        if title:
            ElementTree.SubElement(element, "title").text = title
