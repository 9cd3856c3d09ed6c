"""How exact each rung of the ladder is: its logits against the same model in float64.

Both ways to come by them: prefill, all positions at once, and decode, one id at a time. And the ids
that it writes, greedily, against those of the float64 model.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # not bench/: simt.py would stand in for the package of the same name

try:
    import mingpt  # noqa: F401, I001 (before torch: it sets how torch's threads wait)
    import torch
except ModuleNotFoundError:
    sys.exit("This Python has no torch. Run `make setup`, then use .venv/bin/python.")


from bench import gpu, logits, tables
from bench.ladder import LADDER, RANDOM, OpenRung, Rung, build_all, model_for, rungs
from bench.tables import NONE, Table, paragraphs, percent, scientific, versions
from bench.widened import widened
from mingpt import cli
from mingpt.errors import LabError
from mingpt.model import GPT
from mingpt.weights import BUNDLED, load

POSITIONS, GREEDY = 512, 200

EXAMPLES = """examples:
  python bench/accuracy.py                                     every rung, two models
  python bench/accuracy.py --docs                              writes docs/accuracy.md and .json
  python bench/accuracy.py --from docs/accuracy.json --docs    the page from kept results
  python bench/accuracy.py --device cpu --rungs 0,3 --positions 24
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/accuracy.py",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="64 positions, 32 greedy tokens")
    add("--positions", type=cli.positive, metavar="N", help=f"tokens of text (default {POSITIONS})")
    add("--greedy", type=cli.positive, metavar="N", help=f"tokens written (default {GREEDY})")
    add("--rungs", metavar="N,...", help="only these (default: all that run on the device)")
    add(
        "--device",
        choices=("cuda", "cpu"),
        default="cuda",
        help="cpu: rungs up to 6, by simt, with the bundled model only",
    )
    tables.add_output_arguments(parser, "accuracy")
    add("--ladder", type=Path, default=LADDER, metavar="DIR", help="the folder of the rungs")
    add("--seed", type=int, default=0, help="of the random ids (default: 0)")
    args = parser.parse_args(argv)
    quick = args.quick or args.device == "cpu"
    args.positions = args.positions or (64 if quick else POSITIONS)
    args.greedy = args.greedy or (min(32, args.positions) if quick else GREEDY)
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    results = tables.read_results(args.kept, "accuracy") if args.kept else run(args)
    tables.present(
        *(args, "accuracy", results),
        lines=[versions(results["machine"])],
        tables=result_tables(results),
        failed=failures(results),
        page=page,
    )
    return int(bool(failures(results)))


def run(args: argparse.Namespace) -> dict:
    """Measures. The results, as --json keeps them."""
    device = gpu.pick(args.device)
    chosen = chosen_rungs(args, device)
    results = {"bench": "accuracy", "version": 1, "machine": gpu.machine(device), "models": []}
    with tables.progress() as say:
        say("building")
        build_all(chosen, device)
        for name, model, ids, text in models(args, device):
            say(f"{name}: in float64")
            truth = logits.Truth(model, ids)
            greedy = min(args.greedy, model.config.block_size - logits.PROMPT)
            right = truth.greedy(greedy)
            about = {"name": name, "text": text, "positions": ids.numel(), "greedy": greedy}
            results["models"].append(about | {"rungs": []})
            for rung in chosen:
                say(f"{name}: {rung.name}")
                results["models"][-1]["rungs"].append(measured(rung, model, truth, right, device))
    return results


def models(args: argparse.Namespace, device: str) -> Iterator[tuple[str, GPT, torch.Tensor, str]]:
    """Name, model, ids, and what text they are."""
    model, tokenizer = load(BUNDLED, device)
    ids, text = logits.text_ids(model, tokenizer, positions(args, model))
    yield BUNDLED, model, ids, text
    if device == "cuda":
        yield f"{BUNDLED} in GPT-2 124M's shape", widened(model), ids, text
        model = model_for(RANDOM, device)
        ids = logits.random_ids(model, positions(args, model), args.seed)
        yield RANDOM, model, ids, "random ids"


def positions(args: argparse.Namespace, model) -> int:
    """Raises LabError for fewer than the greedy text's prompt."""
    if args.positions < logits.PROMPT:
        raise LabError(f"--positions {args.positions}: at least {logits.PROMPT} are needed.")
    return min(args.positions, model.config.block_size)


def chosen_rungs(args: argparse.Namespace, device: str) -> list[Rung]:
    """Raises LabError for a number that isn't there."""
    found = rungs(device, args.ladder)
    if not args.rungs:
        return found
    wanted = args.rungs.split(",")
    if missing := [n for n in wanted if n not in {str(r.number) for r in found}]:
        raise LabError(f"The ladder has no rung {missing[0]!r} that runs here.")
    return [r for r in found if str(r.number) in wanted]


def measured(rung: Rung, model, truth: logits.Truth, right: list[int], device: str) -> dict:
    """One rung. Raises LabError after a crash of the GPU."""
    about = {"name": rung.name, "title": rung.title}
    try:
        opened = OpenRung(rung, model)
        try:
            found = about | {"dtype": opened.dtype, "paths": {}}
            ways = {"prefill": logits.prefill_logits, "decode": logits.decode_logits}
            for way, function in ways.items():
                got = function(opened, truth.ids)
                if got is not None:
                    found["paths"][way] = logits.compare(got, truth.logits)
            new = logits.greedy_ids(opened, truth.ids[: logits.PROMPT], len(right))
            return found | {"equal": logits.leading(new, right), "best": truth.best(new)}
        finally:
            opened.close()
    except Exception as e:
        if gpu.has_crashed(device):
            raise LabError(
                f"{rung.name} crashed the GPU, and nothing can run after that.\n{gpu.reason(e)}"
            ) from None
        return about | {"error": gpu.reason(e)}


# ------------------------------------------------------------------------------- the report


def result_tables(results: dict) -> list[Table]:
    """For each model: the logits, then the greedy ids."""
    found = []
    for model in results["models"]:
        logits_table = Table(
            f"{model['name']}, {model['positions']} positions: {model['text']}",
            ["rung", "weights", "path", "max error", "mean error", "relative", "KL, nats"],
            left=3,
        )
        ids_table = Table(
            f"{model['name']}, {model['greedy']} greedy ids",
            ["rung", "weights", "equal to float64's", "best after their own text"],
            left=2,
        )
        for r in model["rungs"]:
            if "error" in r:
                logits_table.rows.append([r["name"], NONE, "failed", *[NONE] * 4])
                continue
            for way, c in r["paths"].items():
                cells = [c["max_error"], c["mean_error"], c["relative_error"], c["kl"]]
                logits_table.rows.append([r["name"], r["dtype"], way, *map(scientific, cells)])
            all_equal = r["equal"] == model["greedy"]
            equal = "all" if all_equal else f"the first {r['equal']}"
            ids_table.rows.append([r["name"], r["dtype"], equal, percent(r["best"], 1)])
        found += [logits_table, ids_table]
    return found


def failures(results: dict) -> list[str]:
    return [
        f"{r['name']} ({m['name']}): {r['error']}"
        for m in results["models"]
        for r in m["rungs"]
        if "error" in r
    ]


def worst(results: dict) -> dict[str, float]:
    """The largest relative error of a logit: {dtype: over all models, rungs and paths}."""
    found: dict[str, float] = {}
    for model in results["models"]:
        for r in model["rungs"]:
            for c in r.get("paths", {}).values():
                found[r["dtype"]] = max(found.get(r["dtype"], 0.0), c["relative_error"])
    return found


def page(results: dict) -> str:
    """docs/accuracy.md"""
    largest = ", ".join(f"{dtype} {scientific(e)}" for dtype, e in worst(results).items())
    lines = ["# How exact the ladder is", ""]
    lines += paragraphs(
        "Each rung's logits against the same model's in float64, by torch; and the ids that it"
        f" writes. Measured on: {versions(results['machine'])}",
        "",
        f"The largest error of a logit, relative to the largest logit: {largest}.",
    )
    for table in result_tables(results):
        lines += ["", f"## {table.title}", "", *table.markdown()]
    if failed := failures(results):
        lines += ["", "Failed:", "", *paragraphs(*(f"- {' '.join(f.split())}" for f in failed))]
    lines += ["", "## What the columns say", ""]
    lines += paragraphs(
        "- **path**: `prefill` feeds the whole text at once, `decode` one id at a time, with the"
        " rung's cache. Rungs without a cache have no second path.",
        "- **max error**, **mean error**: of a logit, absolute. **relative**: the largest, over the"
        " largest logit of the text.",
        "- **KL**: the divergence of the distribution over the next id from the right one, the mean"
        " over the positions.",
        "- **rung 9** is made for GPT-2 124M's shape, and is rung 8 with any other."
        " `bench/widened.py` brings the bundled model into that shape: other weights, the same"
        " logits.",
        f"- **greedy ids**: written after the text's first {logits.PROMPT} ids. Where they leave"
        " float64's, everything after is another text: so the last column asks of each id whether"
        " it is the float64 model's first choice after the rung's own text.",
        "",
        "`python bench/accuracy.py --docs` on a machine with a GPU makes this page and"
        " `accuracy.json`; `python bench/accuracy.py --from docs/accuracy.json --docs` remakes the"
        " page from that.",
        "",
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(cli.main(main))
