"""gelu, layernorm and linear of the ladder's rungs beside torch's, at GPT-2's sizes, on one GPU.

linear is compared with cuBLAS, in float32 and in TF32; gelu and layernorm, which only wait for
memory, with a copy. Values are checked against float64 before anything is timed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # not bench/: simt.py would stand in for the package of the same name

try:
    import mingpt  # noqa: F401, I001 (before torch: it sets how torch's threads wait)
    import torch
except ModuleNotFoundError:
    sys.exit("This Python has no torch. Run `make setup`, then use .venv/bin/python.")

import numpy as np

from bench import gpu, tables
from bench.ladder import Rung, build_all, rungs
from bench.layers import report
from bench.layers.cases import ROWS, cases
from bench.layers.implementations import implementations
from bench.layers.measure import FULL, QUICK, measure
from mingpt import cli
from mingpt.errors import LabError

RUNGS = (1, 2, 4)  # those with a linear of their own

EXAMPLES = """examples:
  python bench/kernels.py                                  all of it, some two minutes
  python bench/kernels.py --quick                          under a minute
  python bench/kernels.py --submission starter             your kernels as well
  python bench/kernels.py --docs                           writes docs/kernels.md and .json
  python bench/kernels.py --from docs/kernels.json --docs  the page from kept results
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/kernels.py",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer rounds, shorter graphs")
    add("--m", type=sizes, metavar="M,...", help=f"rows (default: {','.join(map(str, ROWS))})")
    add("--rungs", type=sizes, default=RUNGS, metavar="N,...", help="default: 1,2,4")
    add(
        "--submission",
        type=cli.submission,
        action="append",
        default=[],
        metavar="DIR",
        help="the kernels of this folder as well; may be given several times",
    )
    add("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: to try the command out")
    tables.add_output_arguments(parser, "kernels")
    add("--seed", type=int, default=0, help="of the values and of the order (default: 0)")
    return parser.parse_args(argv)


def sizes(text: str) -> tuple[int, ...]:
    return tuple(cli.positive(part) for part in text.split(","))


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    results = tables.read_results(args.kept, "kernels") if args.kept else run(args)
    failed = report.failures(results)
    tables.present(
        *(args, "kernels", results),
        lines=report.machine_lines(results),
        tables=report.tables(results),
        failed=failed,
        page=report.page,
    )
    return int(bool(failed))


def run(args: argparse.Namespace) -> dict:
    """Measures. The results, as --json keeps them."""
    device = gpu.pick(args.device)
    effort = QUICK if args.quick or device == "cpu" else FULL
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    chosen = [r for r in rungs(device) if r.number in args.rungs and r.has_kernels]
    if missing := set(args.rungs) - {r.number for r in chosen}:
        raise LabError(f"The ladder has no rung {min(missing)} with a gpt.cu that runs here.")
    chosen += [Rung(folder) for folder in args.submission]
    with tables.progress() as say:
        say("building")
        build_all(chosen, device)
        everyone = implementations([r.folder for r in chosen], device)
        say("measuring the bandwidth")
        results = {
            "bench": "kernels",
            "version": 1,
            "machine": gpu.machine(device),
            "ceilings": gpu.ceilings(device),
            "rounds": effort.rounds,
            "state_before": gpu.state(device),
            "results": [],
        }
        for case in cases(args.m or (ROWS if device == "cuda" else ROWS[:1])):
            say(f"{case.layer} {case.name}")
            results["results"] += measure(case, everyone, effort, device, rng)
        results["state_after"] = gpu.state(device)
    return results


if __name__ == "__main__":
    sys.exit(cli.main(main))
