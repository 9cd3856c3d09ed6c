"""Writes the tables in docs/ that set simt beside NVIDIA's own tools (make tables).

    docs/simt-counters.md   what kernels ask of memory, and compute: Nsight Compute
    docs/simt-checks.md     seeded bugs: compute-sanitizer

What the GPU said is kept beside the tests (remake_gpu_data.py made it); what simt says is measured
now.
"""

from __future__ import annotations

import json
from pathlib import Path

from counters import compare
from verdicts import check_bug, seeded

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
SANITIZER = json.loads((HERE / "checks" / "compute_sanitizer.json").read_text())
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
HEADINGS = {
    "global_load_requests": "load requests",
    "global_load_sectors": "load sectors",
    "global_store_requests": "store requests",
    "global_store_sectors": "store sectors",
    "shared_load_conflicts": "shared load conflicts",
    "shared_store_conflicts": "shared store conflicts",
    "global_atomic_requests": "atomic requests",
    "global_atomic_sectors": "atomic sectors",
    "flops": "flops",
}


def counters_page() -> str:
    """docs/simt-counters.md, as it should be now."""
    comparisons = compare.compare()
    values = {(c.kernel, c.counter): c for c in comparisons}
    rows = [["kernel", *HEADINGS.values()]]
    for kernel in dict.fromkeys(c.kernel for c in comparisons):
        rows.append([f"`{kernel}`", *(_cell(values[kernel, name]) for name in HEADINGS)])
    reasons = [
        f"- `{c.kernel}`, {HEADINGS[c.counter]}: {c.reason}." for c in comparisons if c.reason
    ]
    equal = sum(c.simt == c.nsight_compute for c in comparisons)
    metrics = compare.MEASURED["metrics"]
    return "\n".join(
        [
            "# Memory traffic: simt beside Nsight Compute",
            "",
            f"{len(rows) - 1} kernels (`tests/simt/counters/kernels.cu`), counted by"
            " `simt profile` and on a GPU by Nsight Compute.",
            f"**{equal} of {len(comparisons)} counts are equal.** Where they differ, the table"
            " shows simt's, then the GPU's.",
            "",
            _machine(compare.MEASURED, "Nsight Compute", "nsight_compute"),
            "Written by `tests/simt/tables.py`; a test compares at each change.",
            "",
            *_table(rows),
            "",
            "The differences:",
            "",
            *reasons,
            "",
            "The metrics:",
            "",
            *(
                f"- {HEADINGS[name]}: `{metric}`"
                for name, metric in metrics.items()
                if name in HEADINGS
            ),
            "- flops: "
            + ", ".join(f"`{m}`" for name, m in metrics.items() if name.startswith("float_"))
            + ", the last counted twice",
            "",
        ]
    )


def checks_page() -> str:
    """docs/simt-checks.md, as it should be now."""
    rows = [["bug", "what it is", "simt", *TOOLS]]
    found = by_them = 0
    for bug in seeded().values():
        report = bug.is_in(check_bug(bug).reports)
        verdicts = SANITIZER["bugs"][bug.name]
        found += report is not None
        by_them += any(verdict.get("reports") for verdict in verdicts.values())
        ours = ", ".join(map(str, bug.lines)) if report else "**missed**"
        kind = bug.kind.replace("_", " ")
        rows.append([f"`{bug.name}`", kind, ours, *(_verdict(verdicts[tool]) for tool in TOOLS)])
    return "\n".join(
        [
            "# Seeded bugs: simt beside compute-sanitizer",
            "",
            f"{len(rows) - 1} bugs, each in a kernel or a launch of its own"
            " (`tests/simt/checks/*.cu`), under `simt check` and on a GPU under compute-sanitizer."
            f" **simt finds {found}, each with its kind and its line; compute-sanitizer finds"
            f" {by_them}, and none that simt misses.**",
            "",
            _machine(SANITIZER, "compute-sanitizer", "compute_sanitizer"),
            "Written by `tests/simt/tables.py`; a test compares at each change. `make check-table`"
            " prints what simt says now, also of the correct programs, in which it must find"
            " nothing.",
            "",
            "Numbers are the lines that are named; a tool that reports without one says so, and"
            " \u2013 is no report. Not every bug is a mistake that compute-sanitizer means to find:"
            " races in global memory, for one, are not.",
            "",
            *_table(rows, right=False),
            "",
        ]
    )


def _verdict(verdict: dict) -> str:
    """One tool's, of one bug."""
    if "reports" not in verdict:
        return verdict["verdict"]
    if not verdict["reports"]:
        return "\u2013"
    return ", ".join(map(str, verdict["lines"])) or "without a line"


def _cell(c: compare.Comparison) -> str:
    return f"{c.simt:,}" if c.simt == c.nsight_compute else f"{c.simt:,} / {c.nsight_compute:,}"


def _machine(data: dict, tool: str, key: str) -> str:
    return (
        f"Measured on an {data['gpu']} (CUDA {data['cuda']}, driver {data['driver']},"
        f" {tool} {data[key]}) on {data['date']}."
    )


def _table(rows: list[list[str]], right: bool = True) -> list[str]:
    """Markdown: the first column to the left, numbers to the right."""
    rule = "|".join(["---", *("---:" if right else "---" for _ in rows[0][1:])])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], f"|{rule}|", *lines[1:]]


PAGES = {"simt-counters.md": counters_page, "simt-checks.md": checks_page}


def main() -> None:
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
        print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
