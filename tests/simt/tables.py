"""Writes the tables in docs/ that set simt beside NVIDIA's own tools.

    python tests/simt/tables.py     docs/simt-counters.md: memory traffic, by Nsight Compute

What the GPU said is kept beside the tests (remake_gpu_data.py made it); what simt says is measured
now.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from counters import compare

DOCS = Path(__file__).resolve().parents[2] / "docs"
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


def _cell(c: compare.Comparison) -> str:
    return f"{c.simt:,}" if c.simt == c.nsight_compute else f"{c.simt:,} / {c.nsight_compute:,}"


def _machine(data: dict, tool: str, key: str) -> str:
    return (
        f"Measured on an {data['gpu']} (CUDA {data['cuda']}, driver {data['driver']},"
        f" {tool} {data[key]}) on {data['date']}."
    )


def _table(rows: list[list[str]]) -> list[str]:
    """Markdown: the first column to the left, numbers to the right."""
    rule = "|".join(["---", *("---:" for _ in rows[0][1:])])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], f"|{rule}|", *lines[1:]]


PAGES = {"simt-counters.md": counters_page}


def main() -> None:
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
        print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
