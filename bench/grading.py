"""Are the points for speed fair? Grades a submission again and again, and a copy slowed by 15 %.

    python bench/grading.py                              solutions/, ten times, and the slowed copy
    python bench/grading.py solutions --times 3 --only speed
    python bench/grading.py solutions/ladder/6_cuda_graph --only fast --no-slowed

The submission must get full marks each time, the slowed copy never. Prints, for each check, points,
ratios and what they vary by; then one line of JSON. Exit status 1 if it was not so.
"""

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # not bench/: a file there would stand in for a package of the same name

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from grader import environment, rubric
from grader.framework import REGISTRY
from grader.grading import grade
from grader.results import CheckResult
from mingpt.errors import LabError

TIMED = tuple(check.id for check in REGISTRY.values() if check.timed)

# Each function once more for some of its calls: extra work that is as honest as the rest.
SLOWED_CU = """
#define gelu inner_gelu
#define layernorm inner_layernorm
#define linear inner_linear
#include "inner.cuh"
#undef gelu
#undef layernorm
#undef linear

static int times() {{  // {percent} of 100 calls twice
  static int call = 0;
  return 1 + (call++ * 37 % 100 < {percent});
}}

extern "C" void gelu(float* out, const float* in, int rows, int cols, cudaStream_t stream) {{
  for (int i = times(); i > 0; i--) inner_gelu(out, in, rows, cols, stream);
}}

extern "C" void layernorm(float* out, const float* in, const float* weight, const float* bias,
                          float eps, int rows, int cols, cudaStream_t stream) {{
  for (int i = times(); i > 0; i--)
    inner_layernorm(out, in, weight, bias, eps, rows, cols, stream);
}}

extern "C" void linear(float* out, const float* in, const float* weight, const float* bias, int m,
                       int n, int k, cudaStream_t stream) {{
  for (int i = times(); i > 0; i--) inner_linear(out, in, weight, bias, m, n, k, stream);
}}
"""

# Each step takes so much longer than it would by itself.
SLOWED_PY = """

import time

_generate = generate


def generate(model, ids, max_new_tokens, sample):
    steps = _generate(model, ids, max_new_tokens, sample)
    while True:
        start = time.perf_counter()
        new = next(steps, None)
        if new is None:
            return
        int(new)  # until the device is done
        now = time.perf_counter()
        end = now + {percent} / 100 * (now - start)
        while time.perf_counter() < end:
            pass
        yield new
"""


def slowed(submission: Path, folder: Path, percent: int) -> Path:
    """A submission in `folder` that takes `percent` % more time than `submission`.

    It holds all that it needs: a worker sees nothing outside of it.
    """
    folder.mkdir(parents=True)
    (folder / "inner.cuh").write_text(whole(submission / "gpt.cu", set()))
    (folder / "gpt.cu").write_text(SLOWED_CU.format(percent=percent))
    kv_cache = (submission / "kv_cache.py").read_text()
    (folder / "kv_cache.py").write_text(kv_cache + SLOWED_PY.format(percent=percent))
    return folder


def whole(source: Path, seen: set[Path]) -> str:
    """The text of a source with the files in it that it includes from beside it, each once."""

    def text_of(match: re.Match) -> str:
        path = (source.parent / match[1]).resolve()
        if path in seen or not path.is_file():
            return "" if path in seen else match[0]
        seen.add(path)
        return whole(path, seen)

    text = source.read_text().replace("#pragma once\n", "")
    return re.sub(r'^#include "(.+)".*$', text_of, text, flags=re.MULTILINE)


def gradings(submission: Path, checks: list[str], options, progress: Progress) -> list[dict]:
    """{check id: CheckResult} of each grading."""
    task = progress.add_task(submission.name, total=options.times)
    found = []
    for _ in range(options.times):
        result = grade(submission, rubric.load(), only=checks, device=options.device)
        found.append({check.id: check for check in result.checks})
        progress.advance(task)
    return found


def ratios(check: CheckResult) -> list[float]:
    """All that the check has measured: one for most, one for each kernel for kernel_speed."""
    limits = ("full_marks_ratio", "zero_ratio")
    figures = check.figures.items()
    return [value for name, value in figures if name.endswith("ratio") and name not in limits]


def summary(name: str, id: str, results: list[CheckResult]) -> dict:
    """One row: of one check of one submission, over all gradings."""
    found = np.array([ratios(result) for result in results if ratios(result)])
    pairs = [value for r in results for key, value in r.figures.items() if key.endswith("pairs")]
    return {
        "submission": name,
        "check": id,
        "points": [result.points for result in results],
        "max_points": max(result.max_points for result in results),
        "full_marks": sum(r.status == "passed" and r.points == r.max_points for r in results),
        "ratio": float(np.median(found)) if found.size else None,
        "lowest": float(found.min()) if found.size else None,
        "highest": float(found.max()) if found.size else None,
        "pairs": float(np.median(pairs)) if pairs else None,
        "messages": sorted({r.message for r in results if r.status != "passed"}),
    }


def show(output: Console, rows: list[dict], times: int) -> None:
    table = Table("submission", "check", "points", "full marks", "ratio", "lowest", "highest",
                  "pairs of runs")  # fmt: skip
    for row in rows:
        low, high = min(row["points"]), max(row["points"])
        points = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        table.add_row(
            row["submission"],
            row["check"],
            f"{points} / {row['max_points']:g}",
            f"{row['full_marks']} of {times}",
            *(f"{row[key]:.3f}" if row[key] else "" for key in ("ratio", "lowest", "highest")),
            f"{row['pairs']:.0f}" if row["pairs"] else "",
        )
    output.print(table)
    for row in rows:
        for message in row["messages"]:
            output.print(f"{row['submission']}, {row['check']}: {message}", markup=False)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("submission", nargs="?", type=Path, default=ROOT / "solutions")
    parser.add_argument("--times", type=int, default=10, help="gradings of each (default: 10)")
    parser.add_argument("--only", nargs="+", choices=TIMED, help="default: kernel_speed and speed")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto")
    parser.add_argument("--slowed", type=int, default=15, metavar="PERCENT")
    parser.add_argument("--no-slowed", action="store_true", help="the submission by itself only")
    options = parser.parse_args()
    submission, output = options.submission.resolve(), Console()
    if not (submission / "gpt.cu").is_file():
        parser.error(f"{options.submission} has no gpt.cu: give a submission's folder")
    try:
        options.device = environment.choose_device(options.device)
    except LabError as error:
        parser.error(str(error))
    wanted = options.only or ["kernel_speed", "speed"]
    checks = [id for id in wanted if REGISTRY[id].device in (None, options.device)]
    if not checks:
        parser.error(f"{', '.join(wanted)}: not measured on this device")

    with tempfile.TemporaryDirectory() as folder, Progress(console=output) as progress:
        graded = {submission.name: gradings(submission, checks, options, progress)}
        if not options.no_slowed:
            slow = slowed(submission, Path(folder) / "slowed", options.slowed)
            graded[slow.name] = gradings(slow, checks, options, progress)
    rows = [
        summary(name, id, [each[id] for each in results])
        for name, results in graded.items()
        for id in checks
    ]
    show(output, rows, options.times)
    fair = all(
        row["full_marks"] == (0 if row["submission"] == "slowed" else options.times) for row in rows
    )
    output.print(f"{'As it should be' if fair else 'NOT as it should be'}, on {options.device}.")
    print(json.dumps({"device": environment.describe(options.device, 0), "rows": rows}))
    return 0 if fair else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
