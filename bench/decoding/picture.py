"""docs/ladder.png: the ladder on a logarithmic scale of tokens/s, with the roofline drawn in.

matplotlib is imported here only.
"""

from pathlib import Path

from bench.decoding.report import model_text
from bench.tables import number
from mingpt.errors import LabError

COLOURS = {"fp32": "#2f5d8a", "bf16": "#d9822b", "int8": "#5b8c5a"}
INK, FAINT = "#222222", "#c9c9c9"


def draw(results: dict, path: Path) -> None:
    """Writes the picture of the first workload. Raises LabError where there is no matplotlib."""
    figure = make(results)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=160, facecolor="white", metadata={"Software": None})
    except OSError as e:
        raise LabError(f"{path} can't be written: {e.strerror}") from None


def make(results: dict):
    """The figure: rungs above, from the lowest up; peers below, fp32 and bf16 in one line."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise LabError("The picture needs matplotlib: pip install matplotlib") from None

    workload = results["workloads"][0]
    measured = [r for r in workload["results"] if "error" not in r]
    rungs = [r for r in measured if r["rung"]]
    peers = by_label([r for r in measured if not r["rung"]])
    height = len(rungs) + len(peers) + 1
    figure = Figure(figsize=(9, 1.7 + 0.36 * height), layout="constrained")
    axes = figure.add_subplot()
    roofs = rooflines(measured, results["ceilings"]["read"])
    rates = [r["tokens_per_s"] for r in measured] or [1.0]
    left, right = min(rates) / 1.6, max([*rates, *roofs.values()]) * 1.9
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    axes.set_ylim(-0.7, height - 0.3)

    # y counts from below: peers, a gap, then the rungs, the highest at the top.
    places: list[tuple[float, str]] = []
    for y, (label, lines) in enumerate(peers):
        peer(axes, y, lines)
        places.append((y, label))
    for i, r in enumerate(rungs):
        y = len(peers) + 1 + i
        bar(axes, y, r, left)
        places.append((y, r["label"]))
    roofs_drawn(axes, roofs, height)
    if peers:
        axes.axhline(len(peers), color=FAINT, linewidth=0.8)
    dress(axes, places)
    axes.set_xlabel("tokens/s, batch size 1 (logarithmic)", color=INK)
    figure.suptitle(
        f"{model_text(results['model'])} on {results['machine']['device']}:"
        f" {workload['new']} tokens after a prompt of {workload['prompt']}",
        x=0.01,
        ha="left",
        fontsize=12,
        color=INK,
    )
    return figure


def bar(axes, y: float, r: dict, left: float) -> None:
    """A rung: its rate at the end of the bar, inside where there is room."""
    rate, colour = r["tokens_per_s"], COLOURS[r["dtype"]]
    axes.barh(y, rate - left, left=left, height=0.62, color=colour)
    if rate > 3 * left:
        note(axes, rate, y, number(rate), "white", bold=True, on_left=True)
    else:
        note(axes, rate, y, number(rate), colour, bold=True)


def peer(axes, y: float, results: list[dict]) -> None:
    """A dot for each type of weights, the fastest one's rate to its right."""
    ordered = sorted(results, key=lambda r: r["tokens_per_s"])
    axes.plot([r["tokens_per_s"] for r in ordered], [y] * len(ordered), color=FAINT, zorder=1)
    for i, r in enumerate(ordered):
        rate, colour = r["tokens_per_s"], COLOURS[r["dtype"]]
        axes.plot([rate], [y], "o", markersize=7, color=colour, zorder=2)
        note(axes, rate, y, number(rate), colour, on_left=i < len(ordered) - 1)


def note(axes, x, y, text, colour, bold=False, on_left=False) -> None:
    axes.annotate(
        text,
        (x, y),
        xytext=(-7 if on_left else 7, 0),
        textcoords="offset points",
        ha="right" if on_left else "left",
        va="center",
        fontsize=9,
        fontweight="bold" if bold else "normal",
        color=colour,
    )


def rooflines(measured: list[dict], bandwidth: float) -> dict[str, float]:
    """The tokens/s at which all of the read bandwidth goes to the weights: {dtype: tokens/s}."""
    most = {}
    for dtype in ("fp32", "bf16"):
        sizes = [r["bytes_per_step"] for r in measured if r["dtype"] == dtype]
        if sizes:
            most[dtype] = bandwidth / max(sizes)
    return most


def roofs_drawn(axes, roofs: dict[str, float], height: float) -> None:
    for dtype, rate in roofs.items():
        axes.axvline(rate, color=COLOURS[dtype], linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
        axes.annotate(
            f"{dtype} roofline\n{number(rate)}",
            (rate, height - 0.3),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right" if dtype == "fp32" and len(roofs) > 1 else "center",
            va="bottom",
            fontsize=8.5,
            color=COLOURS[dtype],
        )


def by_label(peers: list[dict]) -> list[tuple[str, list[dict]]]:
    """Those of one label together, the fastest last."""
    groups: dict[str, list[dict]] = {}
    for r in peers:
        groups.setdefault(r["label"], []).append(r)
    return sorted(groups.items(), key=lambda item: max(r["tokens_per_s"] for r in item[1]))


def dress(axes, places: list[tuple[float, str]]) -> None:
    """Names at the left, no frame, faint lines to read the scale by."""
    from matplotlib.ticker import FuncFormatter

    axes.set_yticks([y for y, _ in places], [label for _, label in places], fontsize=9.5)
    axes.tick_params(axis="y", length=0, colors=INK)
    axes.tick_params(axis="x", colors=INK, labelsize=9)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.grid(True, which="major", color="#eeeeee", zorder=-1)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
