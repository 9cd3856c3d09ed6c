"""Lab 3: a linear layer, its tiles and edges, sectors and banks, and the roof of an H100."""

from __future__ import annotations

import json
from pathlib import Path

from figures.style import LEFT, WIDTH, LogScale, Sheet
from simt.profiling.roofline import GPUS

LAB = "3_linear"
KERNELS = Path(__file__).resolve().parent.parent / "docs" / "kernels.json"


def pictures() -> dict[str, str]:
    return {
        "linear": linear(),
        "tiles": tiles(),
        "edges": edges(),
        "coalescing": coalescing(),
        "banks": banks(),
        "roofline": roofline(),
    }


def matrix(sheet: Sheet, x: float, y: float, rows: int, columns: int, cell: float, kind_of) -> None:
    """A grid of cells; kind_of(row, column) is the kind of each."""
    for r in range(rows):
        for c in range(columns):
            sheet.rect(
                x + c * cell + 0.5, y + r * cell + 0.5, cell - 1, cell - 1, kind_of(r, c), rx=2
            )


def linear(m: int = 4, n: int = 6, k: int = 8) -> str:
    """One output, and the two rows that it is made of."""
    sheet = Sheet(
        268, "out[row][col] is made of row `row` of in and row `col` of weight, both of length k"
    )
    cell, row, col = 22.0, 1, 4
    places = {"in": (LEFT, 56, m, k), "weight": (LEFT + 232, 56, n, k), "out": (520, 56, m, n)}
    for name, (x, y, rows, columns) in places.items():
        chosen = {"in": row, "weight": col}.get(name)

        def kind(r: int, c: int, name: str = name, chosen: int | None = chosen) -> str:
            if name == "out":
                return "over" if (r, c) == (row, col) else "empty edge"
            return ("need" if name == "in" else "share") if r == chosen else "empty edge"

        matrix(sheet, x, y, rows, columns, cell, kind)
        size = {"in": "(m, k)", "weight": "(n, k)", "out": "(m, n)"}[name]
        sheet.text(x, y - 12, f"{name} {size}", "strong")
    sheet.text(LEFT + 203, 110, "·", "large")
    sheet.text(LEFT + 440, 110, "→", "large")
    sheet.text(
        LEFT, 216, "out[row][col] = Σ in[row][i] · weight[col][i], i from 0 to k − 1", "code"
    )
    sheet.text(
        LEFT, 244, "Each row of in is used for n outputs, each row of weight for m of them.", "soft"
    )
    return sheet.picture()


def tiles(steps: int = 3) -> str:
    """A block's outputs, and the tiles that it walks along k."""
    sheet = Sheet(
        330,
        "A block computes one tile of out. It walks along k: in each step it loads a tile of in"
        " and a tile of weight into shared memory, and all of its threads use them",
    )
    cell, tile, m, n = 13.0, 4, 8, 8
    k = tile * (steps + 1)
    in_x, in_y, weight_y, out_x = LEFT + 74, 44.0, 186.0, 480.0
    sheet.text(LEFT, in_y + 56, "in", "strong")
    sheet.text(LEFT, weight_y + 56, "weight", "strong")
    sheet.text(out_x, in_y - 14, "out", "strong")
    sheet.text(in_x, in_y - 14, "k →", "small soft")

    def step_kind(band: int, first: str):
        def kind(r: int, c: int) -> str:
            if r // tile != band:
                return "empty edge"
            return first if c // tile == 1 else "waste"

        return kind

    matrix(sheet, in_x, in_y, m, k, cell, step_kind(0, "need"))
    matrix(sheet, in_x, weight_y, n, k, cell, step_kind(1, "share"))
    matrix(
        sheet,
        out_x,
        in_y,
        m,
        n,
        cell,
        lambda r, c: "over" if r // tile == 0 and c // tile == 1 else "empty edge",
    )
    for i in range(steps + 1):
        x = in_x + (i + 0.5) * tile * cell
        sheet.text(x, in_y + m * cell + 18, f"step {i}", "small soft", "middle")
    left = in_x + 2 * tile * cell
    sheet.arrow(left, in_y + 26, out_x - 6, in_y + 26, "need-line")
    sheet.arrow(left, weight_y + 78, out_x + 80, in_y + 60, "share-line")
    lines = ["one block: this tile of out", "one thread: one element of it"]
    sheet.paragraph(out_x, 190, lines, "soft")
    told = ["In step 1 the block has these two tiles", "in shared memory. Each of their elements"]
    sheet.paragraph(out_x - 56, 246, [*told, f"is read there by {tile} threads."], "soft")
    return sheet.picture()


def edges(tile: int = 4, rows: int = 6, columns: int = 9) -> str:
    """Tiles that reach beyond the matrix."""
    down, across = -(-rows // tile), -(-columns // tile)
    sheet = Sheet(
        254,
        f"A matrix of {rows} × {columns} under tiles of {tile} × {tile}: what lies beyond its"
        " edges counts as 0",
    )
    cell, x, y = 22.0, LEFT, 48.0
    sheet.text(LEFT, 28, f"in, {rows} × {columns}, under tiles of {tile} × {tile}", "strong")
    for r in range(down * tile):
        for c in range(across * tile):
            inside = r < rows and c < columns
            sheet.rect(
                x + c * cell + 1,
                y + r * cell + 1,
                cell - 2,
                cell - 2,
                "need" if inside else "empty edge",
                rx=2,
            )
            if not inside:
                sheet.text(x + (c + 0.5) * cell, y + (r + 0.5) * cell + 4, "0", "small", "middle")
    for i in range(across + 1):
        at = x + i * tile * cell
        sheet.line(at, y - 4, at, y + down * tile * cell + 4, "over-line")
    for i in range(down + 1):
        at = y + i * tile * cell
        sheet.line(x - 4, at, x + across * tile * cell + 4, at, "over-line")
    lines = [
        "The last tiles stick out. A thread that",
        "loads an element out there puts a 0 into",
        "the tile instead: it changes no sum.",
        "",
        "A thread whose output lies out there",
        "still helps to load, still waits at each",
        "barrier, and writes nothing at the end.",
    ]
    sheet.paragraph(x + across * tile * cell + 36, 76, lines)
    return sheet.picture()


def coalescing() -> str:
    """Lanes along a row, and lanes down a column."""
    sheet = Sheet(
        296,
        "Eight lanes read a matrix of rows of 16: along a row their elements share a sector; down a"
        " column each lies in a sector of its own",
    )
    cell, columns = 18.0, 16
    for x, title, picked, note in (
        (LEFT, "Lanes along a row", lambda r, c: r == 2 and c < 8, "8 lanes: 1 sector"),
        (LEFT + 348, "Lanes down a column", lambda r, c: c == 2, "8 lanes: 8 sectors"),
    ):
        sheet.text(x, 28, title, "strong")
        touched = {(r, c // 8) for r in range(8) for c in range(columns) if picked(r, c)}

        def kind(r: int, c: int, touched: set = touched, picked=picked) -> str:
            return "need" if picked(r, c) else "waste" if (r, c // 8) in touched else "empty edge"

        matrix(sheet, x, 44, 8, columns, cell, kind)
        lane = 0
        for r in range(8):
            for c in range(columns):
                if picked(r, c):
                    at = (x + (c + 0.5) * cell, 44 + (r + 0.5) * cell + 4)
                    sheet.text(*at, str(lane), "on small", "middle")
                    lane += 1
        sheet.text(x, 212, note, "over-text" if len(touched) > 1 else "need-text")
    sheet.rect(LEFT, 236, 14, 14, "need", rx=2)
    sheet.text(LEFT + 22, 248, "read by a lane (its number)", "soft")
    sheet.rect(LEFT + 240, 236, 14, 14, "waste", rx=2)
    sheet.text(LEFT + 262, 248, "moved along with it: 8 floats are one sector", "soft")
    sheet.text(LEFT, 278, "All lanes of a warp (32) down a column of a large matrix: 32 sectors.")
    return sheet.picture()


def banks(count: int = 8) -> str:
    """A column of a tile in its banks, without and with one word of padding a row."""
    sheet = Sheet(
        310,
        f"A column of an {count} × {count} tile lies in one of {count} banks; with rows one word"
        " longer it is spread over all of them",
    )
    cell = 28.0
    for x, pitch, title in (
        (LEFT, count, f"Rows of {count} words"),
        (LEFT + 348, count + 1, f"Rows of {count + 1} words"),
    ):
        sheet.text(x, 28, title, "strong")
        used: dict[int, int] = {}
        for r in range(count):
            for c in range(pitch):
                bank = (r * pitch + c) % count
                column, pad = c == 2, c == count
                kind = "over" if column and pitch == count else "need" if column else "empty edge"
                left, top = x + c * cell, 44 + r * cell
                sheet.rect(left + 1, top + 1, cell - 2, cell - 2, kind, rx=3)
                text = "on small" if column else "small soft"
                sheet.text(left + cell / 2, top + 18, str(bank), text, "middle")
                if pad:
                    sheet.line(left + 4, top + 4, left + cell - 4, top + cell - 4, "soft-line")
                if column:
                    used[bank] = used.get(bank, 0) + 1
        worst = max(used.values())
        said = f"column 2: {worst} words in bank 2, {worst} passes"
        if worst == 1:
            said = f"column 2: {count} banks, 1 pass"
        sheet.text(x, 290, said, "over-text" if worst > 1 else "need-text")
    return sheet.picture()


def measured(n: int, k: int) -> dict[str, list[tuple[int, float]]]:
    """{implementation: [(m, flop/s)]} of linear on the H100, from docs/kernels.json."""
    results = json.loads(KERNELS.read_text())["results"]
    found: dict[str, list[tuple[int, float]]] = {}
    for r in results:
        if (r["layer"], r["n"], r["k"]) == ("linear", n, k):
            found.setdefault(r["name"], []).append((r["m"], r["flops_per_s"]))
    return {name: sorted(points) for name, points in found.items()}


def intensity(m: int, n: int, k: int) -> float:
    """flop/byte if each number is moved once."""
    return 2 * m * n * k / (4 * (m * k + n * k + m * n))


def roofline(n: int = 3072, k: int = 768) -> str:
    """What was reached at each m, under the roof."""
    gpu = GPUS["H100"]
    sheet = Sheet(
        420,
        "Roofline of an H100: linear with m = 1 lies far to the left, where bandwidth is the limit;"
        " naive, tiled and torch's kernels reach more and more of the roof for larger m",
    )
    x_axis = LogScale(0.2, 600, 84, WIDTH - 110)
    y_axis = LogScale(2e9, 1.2e14, 352, 48)
    sheet.text(LEFT, 26, f"linear, n = {n}, k = {k}, float32, on an H100 (measured)", "strong")
    for power in y_axis.powers():
        name = f"{power / 1e12:g} TFLOP/s" if power >= 1e12 else f"{power / 1e9:g} GFLOP/s"
        sheet.line(84, y_axis(power), WIDTH - 110, y_axis(power), "", stroke="var(--edge)")
        sheet.text(78, y_axis(power) + 4, name, "small soft", "end")
    for power in x_axis.powers():
        sheet.text(x_axis(power), 370, f"{power:g}", "small soft", "middle")
    sheet.text(
        (84 + WIDTH - 110) / 2, 390, "flop per byte, each number moved once", "soft", "middle"
    )
    roof = [(x_axis(i), y_axis(gpu.ceiling(i))) for i in (0.2, gpu.ridge, 600)]
    sheet.path(roof, "soft-line", stroke_width=2.5)
    sheet.text(x_axis(0.9), y_axis(gpu.ceiling(0.9)) - 12, "3.0 TB/s", "small soft", "end")
    sheet.text(WIDTH - 106, y_axis(gpu.peak) + 4, "67 TFLOP/s", "small soft")
    series = {"torch": ("share", "torch"), "2_tiled_linear": ("need", "tiled")}
    series["1_naive_linear"] = ("over", "naive")
    data = measured(n, k)
    for name, (kind, label) in series.items():
        points = [(x_axis(intensity(m, n, k)), y_axis(rate)) for m, rate in data[name]]
        sheet.path(points, f"{kind}-line")
        for x, y in points:
            sheet.rect(x - 3.5, y - 3.5, 7, 7, kind, rx=3.5)
        sheet.text(WIDTH - 106, points[-1][1] + 4, label, f"{kind}-text")
    for m in (1, 16, 64, 1024):
        x = x_axis(intensity(m, n, k))
        sheet.text(x, 340, f"m = {m}", "small soft", "middle")
    return sheet.picture()
