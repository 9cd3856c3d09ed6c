"""The tables of bench/decode.py, for a terminal and for docs/ladder.md."""

from bench.gpu import state_text
from bench.ladder import RANDOM
from bench.tables import Table, number, paragraphs, percent, versions

HEAD = [
    *("who", "weights", "tokens/s", "spread", "TTFT ms", "TPOT µs", "GB/s", "% read", "best ids"),
    "tokens",
]


def tables(results: dict) -> list[Table]:
    """One a workload: the rungs in their order, then the peers from slow to fast."""
    found = []
    for workload in results["workloads"]:
        rows = [r for r in workload["results"] if r["rung"]]
        peers = [r for r in workload["results"] if not r["rung"]]
        rows += sorted(peers, key=lambda r: r.get("tokens_per_s", 0))
        title = f"Prompt of {workload['prompt']} tokens, {workload['new']} new ones"
        found.append(Table(title, HEAD, [row(r) for r in rows], left=2))
    return found


def row(r: dict) -> list[str]:
    if "error" in r:
        return [r["label"], r["dtype"], "failed", *[""] * (len(HEAD) - 3)]
    return [
        r["label"],
        r["dtype"],
        number(r["tokens_per_s"]),
        percent(r["spread"], 1),
        number(1e3 * r["ttft_s"]),
        number(1e6 * r["tpot_s"]),
        number(r["bytes_per_s"] / 1e9),
        percent(r["of_read_bandwidth"]),
        percent(r["agreement"], 1),
        f"{r['tokens']}{' sampled' if r['sampled'] else ''}",
    ]


def failures(results: dict) -> list[str]:
    """Who failed, at which workload, and why."""
    return [
        f"{r['name']} ({w['prompt']}+{w['new']}): {r['error']}"
        for w in results["workloads"]
        for r in w["results"]
        if "error" in r
    ]


def model_text(model: dict) -> str:
    """'GPT-2 124M (random weights)', 'shakespeare 5M'."""
    size = f"{model['parameters'] / 1e6:.0f}M"
    return (
        f"GPT-2 {size} (random weights)" if model["name"] == RANDOM else f"{model['name']} {size}"
    )


def a_rung_failed(results: dict) -> bool:
    return any(r["rung"] and "error" in r for w in results["workloads"] for r in w["results"])


def machine_lines(results: dict) -> list[str]:
    """What was measured on, and what its memory can do."""
    c = results["ceilings"]
    lines = [
        versions(results["machine"]),
        f"Read bandwidth {number(c['read'] / 1e9, 4)} GB/s (sums over a buffer of several GB), copy"
        f" {number(c['copy'] / 1e9, 4)} GB/s (read and written), measured in the same run.",
    ]
    for w in results["workloads"]:
        text = state_text(w["state_before"], w["state_after"])
        lines.append(f"While {w['prompt']}+{w['new']} was measured: {text}.")
    return lines


def page(results: dict) -> str:
    """docs/ladder.md"""
    lines = ["# The ladder, measured", ""]
    lines += paragraphs(
        f"Tokens/s of {model_text(results['model'])}, greedy, at batch size 1. Each rung is a"
        " submission in `solutions/ladder/`; the peers run the same weights.",
        "",
        "![The ladder: tokens/s of each rung and of the peers, with the roofline](ladder.png)",
        "",
        *(f"- {line}" for line in machine_lines(results)),
    )
    for table in tables(results):
        lines += ["", f"## {table.title}", "", *table.markdown()]
    if failed := failures(results):
        lines += ["", "Failed:", "", *paragraphs(*(f"- {' '.join(f.split())}" for f in failed))]
    lines += ["", "## What the columns say", ""]
    lines += paragraphs(
        "- **tokens/s**: of decode, without the first token. The median over"
        f" {results['rounds']} rounds, in each of which everyone runs once, in random order."
        " **spread** is the width of the middle half of the rounds, relative to the median.",
        "- **TTFT**: from the prompt's ids handed over, on the host, to the first new id on the"
        " host. **TPOT**: the time per output token after that.",
        "- **GB/s**: the bytes of weights that a step reads, each once, times tokens/s. **% read**:"
        " the same relative to the read bandwidth.",
        "- **best ids**: how many of the new ids are the float32 model's first choice after the"
        " same text. With float32 weights, an id whose logit is further from the best than 0.1 % of"
        " the largest logit is wrong, and its writer has failed.",
        "- **tokens**: in a run. The slow write fewer. A loop without a cache computes each step"
        " from nothing: a sample of its steps, spread evenly over the text, stands for all.",
        "- Compiling is not counted. The static caches of peers hold the longest text of all"
        " workloads.",
        "",
        "`python bench/decode.py --docs` on a machine with a GPU makes this page, its picture and"
        " `ladder.json`; with `--from` and that file it remakes page and picture.",
        "",
    )
    return "\n".join(lines)
