"""lab.ladder: the student's tokens/s so far, beside the reference ladder's."""

import math
from dataclasses import dataclass, field

from grader.report import ladder as reference
from lab import page
from lab.running import running
from lab.screen import screen
from lab.submission import current
from lab.trouble import Trouble, kindly
from simt.profiling.pictures import Picture
from simt.profiling.pictures.svg import Canvas

WIDTH, LEFT, RIGHT, ROW = 720, 300, 640, 22  # pixels


@dataclass(frozen=True)
class Ladder:
    """tokens_per_s: by name, as measured now. missing: what could not be measured, and why."""

    tokens_per_s: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def _ipython_display_(self) -> None:
        """It has been shown already."""


@kindly(otherwise=lambda message: Ladder())
def ladder() -> Ladder:
    """Measure tokens/s on the bundled model, in each way that your files allow by now.

    A short measurement: for a feeling, not for points. The rungs beside them were measured on a
    GPU with a larger model, so that only each ladder's own steps can be compared.
    """
    submission, found, place = current(), Ladder(), None
    with screen() as out, running("lab.rater", submission.folder) as run:
        doing = "Loading the model"
        for event in run.events():
            match event:
                case {"event": "started", "name": name}:
                    doing = f"Measuring {name}"
                case {"event": "rate", "name": name, "tokens_per_s": rate}:
                    found.tokens_per_s[name] = rate
                case {"event": "none", "name": name, "why": why}:
                    found.missing[name] = reason(why)
                case {"event": "ended", "place": name}:
                    place = name or "this machine"
            out.work(doing, run.seconds)
        if place is None:
            raise Trouble(run.errors() or "It ended without a result. Run the cell again.")
        known = reference.read()
        html = page.render(
            "ladder.html",
            place=place,
            missing=found.missing.items(),
            picture=picture(found.tokens_per_s, known, place),
            machine=known["device"],
        )
        out.show(html, text(found, known, place))
    return found


def reason(why: str) -> str:
    """The first line, without Python's name for "not written yet"."""
    first = why.strip().splitlines()[0] if why.strip() else "it can't be measured"
    return first.removeprefix("NotImplementedError: ")


def groups(own: dict[str, float], known: dict, place: str) -> list[tuple[str, dict[str, float]]]:
    """The two ladders, with their headings."""
    rungs = {one["label"]: one["tokens_per_s"] for one in known["rungs"].values()}
    return [
        (f"you: the bundled model (5M parameters), {place}", own),
        (f"the reference ladder: GPT-2 (124M), {known['device']}", rungs),
    ]


def picture(own: dict[str, float], known: dict, place: str) -> Picture:
    """Bars, on a logarithmic scale."""
    both = groups(own, known, place)
    rates = [rate for _, bars in both for rate in bars.values()]
    low = math.floor(math.log10(min(1.0, *rates)))
    high = math.log10(max(rates)) if rates else 1.0
    height = sum(ROW * len(bars) + 34 for _, bars in both) + 10
    label = "; ".join(f"{name} {rate:,.0f} tokens/s" for _, b in both for name, rate in b.items())
    canvas = Canvas(WIDTH, height, label)
    y = 18.0
    for i, (heading, bars) in enumerate(both):
        canvas.text(8, y, heading, "strong")
        y += 8
        for name, rate in bars.items():
            share = (math.log10(rate) - low) / (high - low)
            width = max(2.0, share * (RIGHT - LEFT))
            canvas.text(LEFT - 8, y + 14, name, "soft" if i else "", "end")
            canvas.rect(LEFT, y + 3, width, ROW - 7, "need" if i else "over")
            canvas.text(LEFT + width + 6, y + 14, number(rate), "small")
            y += ROW
        y += 26
    return canvas.picture()


def number(rate: float) -> str:
    """ "4,128", "9.4" """
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def text(found: Ladder, known: dict, place: str) -> str:
    """The same as plain text."""
    lines = []
    for heading, bars in groups(found.tokens_per_s, known, place):
        lines += [f"{heading}, tokens/s"]
        lines += [f"  {number(rate):>6}  {name}" for name, rate in bars.items()]
    lines += [f"Not yet: {name}: {why}" for name, why in found.missing.items()]
    return "\n".join(lines)
