"""The same text again and again: does a decoder give the same ids each time, and does it ever hang?

    python bench/soak.py                            rung 9 in all its types, some five minutes
    python bench/soak.py solutions/ladder/8_persistent starter --texts 200
    python bench/soak.py --workload 512+511 --beside       while another process loads the GPU

All take turns, a text each. A repeat that differs is kept with the first token that does. The exit
status is 1 if there was one, or if a submission failed. Ctrl-C ends it with what has been seen.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # not bench/: a file there would stand in for a package of the same name

try:
    import mingpt  # noqa: F401, I001 (before torch: it sets how torch's threads wait)
    import torch
except ModuleNotFoundError:
    sys.exit("This Python has no torch. Run `make setup`, then use .venv/bin/python.")

from rich.console import Console
from rich.markup import escape

from bench import gpu, tables
from bench.decode import workload
from bench.decoding.measure import Workload
from bench.ladder import LADDER, OpenRung, Rung, build_all, choose_model, model_for
from bench.tables import Table
from mingpt import cli
from mingpt.errors import LabError

RUNG_9 = [LADDER / name for name in ("9_hopper", "9_hopper_fp32", "9_hopper_int8")]
WORKLOADS = {"cuda": [Workload(10, 500), Workload(512, 511)], "cpu": [Workload(10, 8)]}
TEXTS = {"cuda": 1000, "cpu": 3}
KEPT = 20  # differences of a submission, at most
BUSY = """
import torch
a = torch.randn(4096, 4096, device="cuda")
print("at work", flush=True)
while True:
    (a @ a).sum().item()
"""


@dataclass
class Soak:
    """A submission at a workload: what its texts were, against its first."""

    name: str
    ids: list[int] = field(default_factory=list)  # of the first text
    us: list[float] = field(default_factory=list)  # a token, prefill included
    differ: int = 0
    differences: list[dict] = field(default_factory=list)  # the first KEPT of them
    error: str = ""

    def add(self, ids: list[int], us: float) -> None:
        self.us.append(us)
        self.ids = self.ids or ids
        if ids == self.ids:
            return
        self.differ += 1
        token = next(i for i, (a, b) in enumerate(zip(self.ids, ids, strict=True)) if a != b)
        if len(self.differences) < KEPT:
            # Whether it came back to the first text, or went on another way, tells what went wrong.
            same = sum(a == b for a, b in zip(self.ids[token:], ids[token:], strict=True))
            self.differences.append(
                {"text": len(self.us) - 1, "token": token, "id": ids[token],
                 "first_id": self.ids[token], "same_after": same}
            )  # fmt: skip

    def result(self) -> dict:
        about = {"name": self.name, "texts": len(self.us), "differ": self.differ}
        about |= {"differences": self.differences, "error": self.error}
        if not self.us:
            return about
        return about | {"us": statistics.median(self.us), "most_us": max(self.us)}


@contextlib.contextmanager
def busy_gpu() -> Iterator[None]:
    """Another process multiplies matrices meanwhile. Raises LabError if it can't."""
    other = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE)
    try:
        if other.stdout.readline() != b"at work\n":
            raise LabError("The process that should load the GPU has ended.")
        yield
    finally:
        other.kill()
        other.wait()


def soak(opened: dict[str, OpenRung], found: list[Soak], prompt: torch.Tensor, new: int) -> None:
    """A text of each, unless it has failed before."""
    for one in found:
        if one.error:
            continue
        try:
            begun = time.perf_counter()
            ids = list(opened[one.name].generate(prompt, new))
            one.add(ids, 1e6 * (time.perf_counter() - begun) / new)
        except Exception as error:  # a submission may raise anything
            one.error = gpu.reason(error)


def names(folders: Sequence[Path]) -> dict[str, Path]:
    """Each folder's name; all of its path, where two have the same."""
    alike = [f.name for f in folders]
    return {f.name if alike.count(f.name) == 1 else str(f): f for f in folders}


def run(args: argparse.Namespace) -> dict:
    """The results, as --json keeps them. Raises LabError."""
    device = gpu.pick(args.device)
    model_name = choose_model(args.model, device)
    rungs = {name: Rung(f) for name, f in names([f.resolve() for f in args.submissions]).items()}
    results = {"bench": "soak", "machine": gpu.machine(device), "model": model_name,
               "beside": args.beside, "interrupted": False, "workloads": []}  # fmt: skip
    with tables.progress() as say, contextlib.ExitStack() as stack:
        say("building")
        build_all(list(rungs.values()), device)
        model = model_for(model_name, device)
        workloads = args.workload or WORKLOADS[device]
        for one in workloads:
            if one.prompt + one.new > model.config.block_size + 1:
                raise LabError(f"{one.name} is longer than {model_name} can see.")
        opened = {}
        for name, rung in rungs.items():
            say(f"{name}: opening")
            opened[name] = OpenRung(rung, model)
            stack.callback(opened[name].close)
        if args.beside:
            stack.enter_context(busy_gpu())
        torch.manual_seed(args.seed)
        for one in workloads:
            prompt = torch.randint(0, model.config.vocab_size, (1, one.prompt))
            found = [Soak(name) for name in opened]
            texts = args.texts or TEXTS[device]
            try:
                for i in range(texts):
                    if i % max(1, texts // 50) == 0:
                        differ = sum(s.differ for s in found)
                        say(f"{one.name}: text {i + 1} of {texts}, {differ} differ")
                    soak(opened, found, prompt, one.new)
            except KeyboardInterrupt:
                results["interrupted"] = True
            results["workloads"].append(
                {"prompt": one.prompt, "new": one.new, "soaks": [s.result() for s in found]}
            )
            if results["interrupted"] or gpu.has_crashed(device):
                break
    return results


def table(results: dict) -> Table:
    beside = ", beside a process that loads the GPU" if results["beside"] else ""
    head = ["who", "workload", "texts", "µs a token", "slowest", "differ"]
    made = Table(f"{results['model']}: the same text again{beside}", head, left=2)
    for one in results["workloads"]:
        for s in one["soaks"]:
            row = [s["name"], f"{one['prompt']}+{one['new']}", f"{s['texts']:,}"]
            times = [tables.number(s.get(key)) for key in ("us", "most_us")]
            made.rows.append([*row, *times, f"{s['differ']}"])
    return made


def failures(results: dict) -> list[str]:
    """What went wrong, a line each."""
    lines = []
    for one in results["workloads"]:
        for s in one["soaks"]:
            name = f"{s['name']}, {one['prompt']}+{one['new']}"
            lines += [
                f"{name}: token {d['token']} of text {d['text']} is {d['id']}, and was"
                f" {d['first_id']}. Of the {one['new'] - d['token'] - 1} after it"
                f" {d['same_after']} are the same."
                for d in s["differences"]
            ]
            if s["error"]:
                lines.append(f"{name}, text {s['texts']}: {s['error']}")
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="bench/soak.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("submissions", nargs="*", type=cli.submission, default=RUNG_9, metavar="DIR")
    add(
        "--workload",
        type=workload,
        action="append",
        metavar="T+N",
        help="a prompt of T tokens and N new ones; may be given twice (default: 10+500, 512+511)",
    )
    add("--texts", type=cli.positive, metavar="N", help="of each (default: 1000; on a CPU 3)")
    add("--beside", action="store_true", help="another process loads the GPU meanwhile")
    add("--model", metavar="NAME", help="as bench/decode.py's")
    add("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: to try the command out")
    add("--seed", type=int, default=0, help="of the prompts (default: 0)")
    add("--json", type=Path, metavar="FILE", help="keep the results in FILE")
    args = parser.parse_args(argv)
    results = run(args)
    console = Console(highlight=False)
    table(results).print(console)
    for line in failures(results):
        console.print(f"[red]failed[/red] {escape(line)}", soft_wrap=True)
    if results["interrupted"]:
        console.print("Interrupted: this is what had been seen.")
    if args.json:
        tables.write_results(args.json, results)
    if failures(results):
        return 1
    return cli.INTERRUPTED if results["interrupted"] else 0


if __name__ == "__main__":
    sys.exit(cli.main(main))
