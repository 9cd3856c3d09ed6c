"""The tables of bench/kernels.py, for a terminal and for docs/kernels.md."""

from bench.gpu import state_text
from bench.layers.implementations import CUBLAS
from bench.tables import NONE, Table, number, paragraphs, percent, scientific, versions


def tables(results: dict) -> list[Table]:
    """gelu, layernorm, and linear for each m."""
    found = [bandwidth_table(results, layer) for layer in ("gelu", "layernorm")]
    for m in sorted({r["m"] for r in results["results"] if r["layer"] == "linear"}):
        found.append(linear_table(results, m))
    return found


def of(results: dict, layer: str, m: int | None = None) -> tuple[list[str], dict]:
    """The implementations' names in order, and {(m, n, k): {name: result}}."""
    rows = [r for r in results["results"] if r["layer"] == layer and m in (None, r["m"])]
    sizes: dict[tuple, dict] = {}
    for r in rows:
        sizes.setdefault((r["m"], r["n"], r["k"]), {})[r["name"]] = r
    return list(dict.fromkeys(r["name"] for r in rows)), sizes


def bandwidth_table(results: dict, layer: str) -> Table:
    """µs, GB/s and the share of the copy bandwidth: a column each implementation."""
    names, sizes = of(results, layer)
    copy = results["ceilings"]["copy"]

    def cell(r: dict | None) -> str:
        if r is None:
            return NONE
        if "failure" in r:
            return "failed"
        rate = r["bytes_per_s"]
        return f"{number(1e6 * r['seconds'])} · {number(rate / 1e9)} · {percent(rate / copy)}"

    rows = [[f"{m}×{n}", *(cell(by.get(x)) for x in names)] for (m, n, _), by in sizes.items()]
    return Table(f"{layer}: µs · GB/s · of the copy bandwidth", ["size", *names], rows)


def linear_table(results: dict, m: int) -> Table:
    """µs and the ratio to cuBLAS in float32: a column each implementation."""
    names, sizes = of(results, "linear", m)

    def cell(r: dict | None, base: dict | None) -> str:
        if r is None:
            return NONE
        if "failure" in r:
            return "failed"
        time = number(1e6 * r["seconds"])
        if r is base or not base or "failure" in base:
            return time
        return f"{time} · {r['seconds'] / base['seconds']:.2f}×"

    rows = [
        [f"{n}×{k}", *(cell(by.get(x), by.get(CUBLAS)) for x in names)]
        for (_, n, k), by in sizes.items()
    ]
    return Table(f"linear, m = {m}: µs · over torch's float32", ["n×k", *names], rows)


def everything(results: dict) -> Table:
    """A row each measurement."""
    head = [
        *("layer", "m×n×k", "who", "µs", "spread", "GB/s", "TFLOP/s"),
        *("relative error", "calls in a graph"),
    ]
    rows = []
    for r in results["results"]:
        size = "×".join(str(x) for x in (r["m"], r["n"], r["k"]) if x)
        about = [r["layer"], size, r["name"]]
        if "failure" in r:
            rows.append([*about, "failed", *[""] * 5])
            continue
        rows.append(
            [
                *about,
                number(1e6 * r["seconds"]),
                percent(r["spread"], 1),
                number(r["bytes_per_s"] / 1e9),
                number(r["flops_per_s"] / 1e12) if r["flops_per_s"] else NONE,
                scientific(r["relative_error"]),
                str(r["calls"]),
            ]
        )
    return Table("Everything", head, rows, left=3)


def failures(results: dict) -> list[str]:
    return [
        f"{r['name']}, {r['layer']} m={r['m']} n={r['n']}: {r['failure']}"
        for r in results["results"]
        if "failure" in r
    ]


def machine_lines(results: dict) -> list[str]:
    c = results["ceilings"]
    return [
        versions(results["machine"]),
        f"Copy bandwidth {number(c['copy'] / 1e9, 4)} GB/s (read and written), read bandwidth"
        f" {number(c['read'] / 1e9, 4)} GB/s, over buffers of several GB, in the same run.",
        f"While it was measured: {state_text(results['state_before'], results['state_after'])}.",
    ]


def page(results: dict) -> str:
    """docs/kernels.md"""
    lines = ["# The kernels, measured", ""]
    lines += paragraphs(
        "gelu, layernorm and linear at GPT-2's sizes: rungs of `solutions/ladder/` beside torch,"
        " whose linear is cuBLAS. All in float32; TF32 rounds what goes into the products to 10"
        " bits of mantissa.",
        "",
        *(f"- {line}" for line in machine_lines(results)),
    )
    for table in tables(results):
        lines += ["", f"## {table.title}", "", *table.markdown()]
    if failed := failures(results):
        lines += ["", "Failed:", "", *paragraphs(*(f"- {' '.join(f.split())}" for f in failed))]
    lines += ["", "## How", ""]
    lines += paragraphs(
        "- A time is that of a CUDA graph of many calls over their number: the median of"
        f" {results['rounds']} rounds, in each of which all run once, in random order.",
        "- The calls rotate over sets of buffers that together are four times the L2 cache, so that"
        " each reads from device memory. At few rows, gelu and layernorm stay in the cache for all"
        " that, and what is seen is the time to launch a kernel.",
        "- Bytes: each input read once, each output written once. `copy` moves gelu's or"
        " layernorm's input to its output, and computes nothing.",
        "- Before it is timed, each is compared with float64: the relative error is the largest"
        " error over the largest value.",
        "",
        "`python bench/kernels.py --docs` on a machine with a GPU makes this page and"
        " `kernels.json`; `python bench/kernels.py --from docs/kernels.json --docs` remakes the"
        " page from that.",
    )
    table = everything(results)
    lines += ["", "<details><summary>Every measurement</summary>", "", *table.markdown()]
    lines += ["", "</details>", ""]
    return "\n".join(lines)
