"""Tokens/s of every rung of the ladder and of its peers, on one GPU, in one run.

At batch size 1, three workloads: a short prompt and a long text; a long prompt and a shorter text;
and the second half of what GPT-2 can see, where the KV-cache is long.
Prefill shows as TTFT, decode as tokens/s. All take turns in random order, so that a GPU that grows
warm slows all of them; and everyone's ids are checked, so that nobody is timed on wrong tokens.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # not bench/: simt.py would stand in for the package of the same name

try:
    import mingpt  # noqa: F401, I001 (before torch: it sets how torch's threads wait)
    import torch  # noqa: F401
except ModuleNotFoundError:
    sys.exit("This Python has no torch. Run `make setup`, then use .venv/bin/python.")

import numpy as np

from bench import gpu, tables
from bench.decoding import report
from bench.decoding.contestants import Contestant, RungContestant
from bench.decoding.measure import FULL, QUICK, Effort, Workload, measure, prompt_of
from bench.decoding.peers import peers
from bench.decoding.reference import Reference
from bench.ladder import LADDER, RANDOM, build_all, choose_model, model_for, rungs
from mingpt import cli
from mingpt.errors import LabError
from mingpt.model import GPT
from mingpt.weights import BUNDLED

WORKLOADS = {
    "cuda": [Workload(10, 500), Workload(512, 256), Workload(512, 511)],
    "cpu": [Workload(10, 8)],
}

EXAMPLES = """examples:
  python bench/decode.py                                 all of it, some seven minutes
  python bench/decode.py --quick                         under a minute
  python bench/decode.py --docs                          writes docs/ladder.md, .json and .png
  python bench/decode.py --from docs/ladder.json --docs  the same from kept results, without a GPU
  python bench/decode.py --only 6_cuda_graph,compile_fp32
  python bench/decode.py --device cpu --only 0_seed_loop,3_kv_cache
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/decode.py",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer rounds and tokens, no peers that compile")
    add(
        "--workload",
        type=workload,
        action="append",
        metavar="T+N",
        help="a prompt of T tokens and N new ones; may be given more than once"
        " (default: 10+500, 512+256, 512+511)",
    )
    add("--only", metavar="NAME,...", help="these rungs and peers; a wrong name lists them all")
    add("--model", metavar="NAME", help=f"{RANDOM} (default), {BUNDLED}, or as run.py's --model")
    add("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: to try the command out")
    tables.add_output_arguments(parser, "ladder")
    add("--ladder", type=Path, default=LADDER, metavar="DIR", help="the folder of the rungs")
    add("--seed", type=int, default=0, help="of the prompts and of the order (default: 0)")
    return parser.parse_args(argv)


def workload(text: str) -> Workload:
    try:
        return Workload.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a workload such as 10+500: a prompt of 1 token or more, 2 new or more"
        ) from None


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    results = tables.read_results(args.kept, "decode") if args.kept else run(args)
    tables.present(
        *(args, "ladder", results),
        lines=report.machine_lines(results),
        tables=report.tables(results),
        failed=report.failures(results),
        page=report.page,
        draw=picture,
    )
    return int(report.a_rung_failed(results))


def picture(results: dict, path: Path) -> None:
    from bench.decoding.picture import draw  # matplotlib takes a second to import

    draw(results, path)


def run(args: argparse.Namespace) -> dict:
    """Measures. The results, as --json keeps them."""
    device = gpu.pick(args.device)
    effort = QUICK if args.quick or device == "cpu" else FULL
    name = choose_model(args.model, device)
    everyone, notes = contestants(args, device)
    with tables.progress() as say:
        say("building")
        build_all([c.rung for c in everyone if isinstance(c, RungContestant)], device)
        model = model_for(name, device)
        workloads = args.workload or WORKLOADS[device]
        fit = [w for w in workloads if w.prompt + w.new <= model.config.block_size]
        notes += [
            f"Left out: {w.name}, longer than {name} can see ({model.config.block_size} tokens)."
            for w in workloads
            if w not in fit
        ]
        if not fit:
            raise LabError(f"{notes[-1]}\nGive a shorter one: --workload 10+100")
        say("measuring the bandwidth")
        results = {
            "bench": "decode",
            "version": 1,
            "machine": gpu.machine(device),
            "model": {"name": name, "parameters": model.num_parameters},
            "ceilings": gpu.ceilings(device),
            "rounds": effort.rounds,
            "quick": effort is QUICK,
            "notes": notes,
        }
        results["workloads"] = measured(
            everyone, model, fit, effort, device, args.seed, results["ceilings"]["read"], say
        )
    return results


def contestants(args: argparse.Namespace, device: str) -> tuple[list[Contestant], list[str]]:
    """Who takes part, and notes on who doesn't. Raises LabError for an unknown name in --only."""
    compiled = device == "cuda" and not args.quick
    notes = [] if compiled else ["Left out: the peers that compile, which takes minutes."]
    everyone = [RungContestant(rung) for rung in rungs(device, args.ladder)]
    everyone += peers(device, compiled)
    if args.only:
        names = args.only.split(",")
        known = {c.name for c in everyone}
        if unknown := sorted(set(names) - known):
            raise LabError(
                f"There is no {unknown[0]!r} here. There are: {', '.join(sorted(known))}"
            )
        return [c for c in everyone if c.name in names], []
    return everyone, notes


def measured(
    everyone: list[Contestant],
    model: GPT,
    workloads: list[Workload],
    effort: Effort,
    device: str,
    seed: int,
    bandwidth: float,
    say,
) -> list[dict]:
    """All contestants at all workloads."""
    rng = np.random.default_rng(seed)
    out = open_all(everyone, model, max(w.prompt + w.new for w in workloads), device, say)
    found = []
    for w in workloads:
        say(f"{w.name}: the reference's text")
        reference = Reference(model, prompt_of(w, model.config.vocab_size, rng), w.new)
        before = gpu.state(device)
        measurements = measure(everyone, w, reference, effort, device, rng, say, out)
        found.append(
            {
                "prompt": w.prompt,
                "new": w.new,
                "state_before": before,
                "state_after": gpu.state(device),
                "results": [m.result(bandwidth) for m in measurements],
            }
        )
        out |= {m.contestant.name: m.error for m in measurements if m.error}
        if gpu.has_crashed(device):
            break
    for c in everyone:
        with contextlib.suppress(LabError, RuntimeError):  # after a crash of the GPU
            c.close()
    return found


def open_all(
    everyone: list[Contestant], model: GPT, longest: int, device: str, say
) -> dict[str, str]:
    """Makes them ready. Who can't be, and why. Raises LabError after a crash of the GPU."""
    out = {}
    for c in everyone:
        say(f"{c.name}, getting ready")
        try:
            c.open(model, longest)
        except Exception as e:
            out[c.name] = gpu.reason(e)
            if gpu.has_crashed(device):
                raise LabError(
                    f"{c.name} crashed the GPU while it was made ready, and nothing can run after "
                    f"that.\n{out[c.name]}\nName all others with --only."
                ) from None
    return out


if __name__ == "__main__":
    sys.exit(cli.main(main))
