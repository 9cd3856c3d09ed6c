"""What each idea of rung 9 buys, and where the time of its step goes. On a Hopper GPU.

    python bench/hopper.py                   all types of weights: some minutes, most of it nvcc
    python bench/hopper.py --types bf16      one of them
    python bench/hopper.py --docs            into docs/hopper.md and docs/hopper.json

Each idea is switched off by itself (switches.cuh), the rest as it is: µs a token after a prompt of
10, 500 tokens. Texts must stay the same. Then a step's moments, in cycles (debug.cuh).
"""

import argparse
import ctypes
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # not bench/: a file there would stand in for a package of the same name

import torch
from rich.console import Console

from bench import gpu, tables
from bench.ladder import LADDER, RANDOM, model_for
from bench.tables import Table
from mingpt import cli
from mingpt.decoder import Decoder
from mingpt.errors import LabError
from mingpt.generate import Sampler
from mingpt.kernels import KernelLibrary, build

TYPES = {"bf16": "9_hopper", "fp32": "9_hopper_fp32", "int8": "9_hopper_int8"}
PAGE = tables.DOCS / "hopper.md"
PROMPT, NEW, TIMES = 10, 500, 5
ALL = "– (all of them)"
CHAIN, STREAM = "*the chain alone: no weights*", "*the stream alone: no waiting*"


class Pacing(ctypes.Structure):
    """hopper::Pacing of arguments.cuh."""

    _fields_ = tuple(
        (name, ctypes.c_int)
        for name in ("layer_window", "head_window", "layer_gap", "head_gap", "poll_delay")
    )

    def numbers(self) -> dict[str, int]:
        return {name: getattr(self, name) for name, _ in self._fields_}


@dataclass(frozen=True)
class Idea:
    """What is left out, and how: a switch, or numbers of the pacing."""

    name: str
    switch: str = ""
    pacing: tuple[tuple[str, int], ...] = ()
    alone: bool = False  # half of the work: the text is nonsense


IDEAS = (
    Idea(ALL),
    Idea(
        "pacing: all slots in flight",
        pacing=(("layer_window", 99), ("head_window", 99), ("layer_gap", 0), ("head_gap", 0)),
    ),
    Idea("waiting a little before the first poll", "POLL_AFTER_OWN"),
    Idea("registers of the warps that don't compute", "MORE_REGISTERS"),
    Idea("weights in registers before their inputs", "REGISTERS_AHEAD"),
    Idea("keys and values before the query", "CACHE_AHEAD"),
    Idea("helpers for the lm_head", "HELPING_CLUSTERS"),
    Idea("units of the lm_head beside the ring", "KEEP_UNITS"),
    Idea("slots of the same time side by side in memory", "INTERLEAVE"),
    Idea("the hint that weights are read once", "READ_ONCE"),
    Idea("four copies of the best id", "BEST_COPIES 1"),
    Idea(CHAIN, "WITH_STREAM", alone=True),
    Idea(STREAM, "WITH_CHAIN", alone=True),
)
MOMENTS = (  # that debug.cuh marks, in their order
    ("begin", "weights into registers; x is gathered through L2, and sent"),
    ("x is here", "query, key and value: multiplied"),
    ("multiplied", "added up, sent"),
    ("they are here", "attention of this block's positions, sent"),
    ("part sent", "the other blocks' parts"),
    ("parts are here", "put together; projection, sent"),
    ("sums sent", "fc's weights into registers"),
    ("weights here", "x is gathered through L2, and sent"),
    ("x gathered", ""),
    ("x is here", "fc: multiplied"),
    ("multiplied", "added up, gelu, sent"),
    ("inside sent", "the projection's weights into registers"),
    ("weights here", "the other blocks' inside"),
    ("inside is here", "projection, sent"),
    ("sums sent", "the next layer's beginning"),
)


def library(folder: Path, kind: str, *defines: str) -> Path:
    """Builds the rung of a type of weights with these definitions. Raises BuildError."""
    name = "-".join([kind, *(d.replace(" ", "_") for d in defines)])
    place = folder / name
    place.mkdir(exist_ok=True)
    lines = [f"#define {d}" for d in ("HOPPER_DEBUG", *defines)]
    source = (LADDER / TYPES[kind] / "gpt.cu").as_posix()
    (place / "gpt.cu").write_text("\n".join([*lines, f'#include "{source}"', ""]))
    return build(place, "cuda")


def defines_of(idea: Idea) -> list[str]:
    if not idea.switch:
        return []
    return [idea.switch if " " in idea.switch else f"{idea.switch} 0"]


class Unread(Decoder):
    """Yields whatever ids come: half of the work writes nonsense, or that there is no best id."""

    def _checked(self, new: int, i: int) -> int:
        return new


class Opened:
    """A build on a model. close() it."""

    def __init__(self, path: Path, model, decoder: type[Decoder] = Decoder):
        self.decoder = decoder(model, KernelLibrary(path, "cuda"))
        self._raw = ctypes.CDLL(str(path))
        self._handle = ctypes.c_void_p(self.decoder._handle)
        if not self.runs_rung_9():
            raise LabError("Rung 9 does not run on this GPU: rung 8's kernel would be measured.")

    def runs_rung_9(self) -> bool:
        self._raw.hopper_is_open.argtypes = (ctypes.c_void_p,)
        return bool(self._raw.hopper_is_open(self._handle))

    def pacing(self) -> Pacing:
        found = Pacing()
        self._raw.hopper_get_pacing(self._handle, ctypes.byref(found))
        return found

    def pace(self, pacing: Pacing) -> None:
        self._raw.hopper_set_pacing(self._handle, ctypes.byref(pacing))

    def look(self, timeline) -> None:
        self._raw.hopper_look(self._handle, None, ctypes.c_void_p(timeline.data_ptr()))

    def us_per_token(self, prompt) -> tuple[float, list[int]]:
        """After the first token, whose time is the prefill's; and the text."""
        new = self.decoder.generate(prompt, NEW, Sampler(0))
        ids = [next(new)]
        begun = time.perf_counter()
        ids += new
        return 1e6 * (time.perf_counter() - begun) / (NEW - 1), ids

    def close(self) -> None:
        self.decoder.close()


def ideas(kind: str, folder: Path, model, prompt, say: Callable[[str], None]) -> dict:
    """{idea: µs a token of each run}, and the pacing that was found. Raises LabError."""
    times, text, pacing = {}, None, {}
    for idea in IDEAS:
        say(f"{kind}: without {idea.name}")
        decoder = Unread if idea.alone else Decoder
        opened = Opened(library(folder, kind, *defines_of(idea)), model, decoder)
        if idea.pacing:
            chosen = opened.pacing()
            for name, value in idea.pacing:
                setattr(chosen, name, value)
            opened.pace(chosen)
        runs = [opened.us_per_token(prompt) for _ in range(TIMES + 1)][1:]
        times[idea.name] = [us for us, _ in runs]
        if idea.name == ALL:
            text, pacing = runs[0][1], opened.pacing().numbers()
        if not idea.alone and any(ids != text for _, ids in runs):
            raise LabError(f"{kind}, without {idea.name}: another text. That is a fault of rung 9.")
        opened.close()
    return {"us": times, "pacing": pacing}


def moments(kind: str, folder: Path, model, prompt) -> list[float]:
    """Cycles from a layer's beginning to each moment, mean of the layers but the first; of warp 0,
    block 0, in the last step of a text. The last one is the next layer's beginning."""
    opened = Opened(library(folder, kind, "HOPPER_LOOK"), model)
    layers = model.config.n_layer
    timeline = torch.zeros(2, layers + 1, 16, dtype=torch.int64, device="cuda")
    opened.look(timeline)
    opened.us_per_token(prompt)
    warp = timeline[0].cpu().double()
    opened.close()
    since = (warp[1:layers] - warp[1:layers, :1]).mean(0)
    length = (warp[2 : layers + 1, 0] - warp[1:layers, 0]).mean()
    return [*(max(0.0, float(since[i])) for i in range(len(MOMENTS))), float(length)]


def run(kinds: Sequence[str]) -> dict:
    """Measures. The results, as --json keeps them. Raises LabError."""
    device = gpu.pick("cuda")
    torch.manual_seed(0)
    prompt = torch.randint(0, 50257, (1, PROMPT))
    results = {"bench": "hopper", "machine": gpu.machine(device), "prompt": PROMPT, "new": NEW,
               "clocks": {"stream": STREAM, "chain": CHAIN, "both": ALL}, "ideas": {},
               "moments": {}, "state_before": gpu.state(device)}  # fmt: skip
    with tables.progress() as say, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say("building: a minute or two")
        todo = [(kind, d) for kind in kinds for d in [*map(defines_of, IDEAS), ["HOPPER_LOOK"]]]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: library(folder, one[0], *one[1]), todo))
        model = model_for(RANDOM, device)
        for kind in kinds:
            results["ideas"][kind] = ideas(kind, folder, model, prompt, say)
            results["moments"][kind] = moments(kind, folder, model, prompt)
    return results | {"state_after": gpu.state(device)}


def made_tables(results: dict) -> list[Table]:
    kinds = list(results["ideas"])
    bought = Table(f"µs a token, prompt {results['prompt']} + {results['new']}",
                   ["without", *kinds])  # fmt: skip
    for idea in IDEAS:
        found = [results["ideas"][kind]["us"][idea.name] for kind in kinds]
        bought.rows.append([idea.name, *(f"{statistics.median(us):.1f}" for us in found)])
    paced = Table("Pacing that was found", ["", *kinds])
    for name, _ in Pacing._fields_:
        numbers = [results["ideas"][kind]["pacing"][name] for kind in kinds]
        paced.rows.append([f"`{name}`", *map(str, numbers)])
    spent = Table(
        "A layer, in cycles of warp 0 of block 0", ["from", "to the next", *kinds], left=2
    )
    for i, (name, what) in enumerate(MOMENTS):
        if what:  # the gathering warps' moment has no place in warp 0's row
            later = next(j for j in range(i + 1, len(MOMENTS) + 1) if j != 8)
            cycles = [results["moments"][kind] for kind in kinds]
            spent.rows.append([f"[{i}] {name}", what, *(f"{c[later] - c[i]:.0f}" for c in cycles)])
    whole = [f"{results['moments'][kind][-1]:.0f}" for kind in kinds]
    spent.rows.append(["a layer", "", *whole])
    return [bought, paced, spent]


def write_docs(results: dict) -> None:
    """The tables in docs/hopper.md, between their marks. Raises LabError without marks."""
    lines = [tables.versions(results["machine"]), ""]
    for table in made_tables(results):
        lines += [f"**{table.title}**", "", *table.markdown(), ""]
    tables.put_into(PAGE, "hopper", lines)
    tables.write_results(PAGE.with_suffix(".json"), results)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="bench/hopper.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--types", nargs="+", choices=tuple(TYPES), default=tuple(TYPES))
    tables.add_output_arguments(parser, "hopper")
    args = parser.parse_args(argv)
    results = tables.read_results(args.kept, "hopper") if args.kept else run(args.types)
    console = Console(highlight=False)
    for table in made_tables(results):
        table.print(console)
    if args.json:
        tables.write_results(args.json, results)
    if args.docs:
        write_docs(results)
    return 0


if __name__ == "__main__":
    sys.exit(cli.main(main))
