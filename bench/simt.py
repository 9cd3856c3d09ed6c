"""How fast CUDA C++ runs on this machine's CPU: times, and ratios measured in one run.

    python bench/simt.py            the table, then one line of JSON
    python bench/simt.py --repeats 15

What a ratio compares is measured in turn, A B A B ..., and medians are taken, so that a machine
that slows down slows both. A target is what simt/ promises on 2 cores.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # not bench/: this file would stand in for the package of the same name

from mingpt import weights  # before torch: it sets how torch's threads wait  # isort: skip
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table

from mingpt.generate import Sampler, generate
from mingpt.kernels import CustomOps, KernelLibrary, load_kv_cache
from simt.build import build_library, build_program, runtime_archive

INCLUDE = ROOT / "mingpt" / "include"
BENCH = ROOT / "bench"
SOLUTION, NAIVE = ROOT / "solutions" / "gpt.cu", BENCH / "naive_linear.cu"
CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Figure:
    """One row of the table."""

    key: str  # in the JSON
    what: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False  # else at most

    def row(self) -> tuple[str, ...]:
        digits = 2 if self.value < 1 else 1 if self.value < 10 else 0
        measured = f"{self.value:.{digits}f}{self.unit}"
        if self.target is None:
            return self.what, measured, "", ""
        met = self.value >= self.target if self.at_least else self.value <= self.target
        bound = f"{'≥' if self.at_least else '≤'} {self.target:g}{self.unit}"
        return self.what, measured, bound, "yes" if met else "NO"


def library(source: Path) -> KernelLibrary:
    return KernelLibrary(build_library(source, include_dirs=[INCLUDE]).path, "cpu")


def medians(repeats: int, *functions: Callable[[], float]) -> list[float]:
    """What each function measures: the median over `repeats` rounds in which each runs once."""
    rounds = [[function() for function in functions] for _ in range(repeats + 1)]
    return [statistics.median(values) for values in zip(*rounds[1:], strict=True)]


def timed(function: Callable[[], object]) -> Callable[[], float]:
    """The seconds that a call takes."""

    def call() -> float:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return call


# ------------------------------------------------------------------------------- compiling


def compile_times() -> Iterator[Figure]:
    """Rewrite and compile solutions/gpt.cu, nothing of it in the cache; the runtime itself."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = timed(lambda: runtime_archive(Path(folder)))()
    yield Figure("compile_runtime_s", "compile the runtime, once", seconds, " s", 10)

    def build(mode: str) -> Callable[[], float]:
        return lambda: (
            build_library(
                SOLUTION, include_dirs=[INCLUDE], defines=[f"BENCH={time.time_ns()}"], mode=mode
            ).seconds
        )

    modes = {"plain": 1.5, "check": 2, "profile": 2}
    for (mode, target), seconds in zip(modes.items(), medians(5, *map(build, modes)), strict=True):
        what = f"rewrite + compile gpt.cu, {mode}"
        yield Figure(f"compile_{mode}_s", what, seconds, " s", target)


# -------------------------------------------------------------------------------- kernels


def gelu_rate(solution: KernelLibrary, repeats: int) -> Iterator[Figure]:
    x = torch.randn(1024, 1024)
    out = torch.empty_like(x)
    call = timed(lambda: solution.call_gelu(out.data_ptr(), x.data_ptr(), 1024, 1024))
    rate = x.numel() / medians(repeats, call)[0]
    yield Figure("gelu_melements_per_s", "gelu, 1M elements", rate / 1e6, " M/s", 120, True)


def linear_over_torch(solution: KernelLibrary, repeats: int) -> Iterator[Figure]:
    naive = library(NAIVE)
    x, weight, bias = torch.randn(64, 768), torch.randn(768, 768), torch.randn(768)
    out = torch.empty(64, 768)
    addresses = [t.data_ptr() for t in (out, x, weight, bias)]
    expected = F.linear(x, weight, bias)

    def run(kernels: KernelLibrary) -> None:
        kernels.call_linear(*addresses, 64, 768, 768)

    for kernels in (solution, naive):
        run(kernels)
        torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-3)
    tiled, plain, torchs = medians(
        repeats,
        timed(lambda: run(solution)),
        timed(lambda: run(naive)),
        timed(lambda: F.linear(x, weight, bias)),
    )
    yield Figure(
        "tiled_over_torch", "tiled linear 64×768×768, over torch", tiled / torchs, "×", 200
    )
    yield Figure("naive_over_torch", "naive linear, over torch", plain / torchs, "×", 90)


# ------------------------------------------------------------- programs, in the three builds


def output(program: Path, *arguments: str, **environment: str) -> list[float]:
    """The numbers that a program prints."""
    done = subprocess.run(
        [program, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(line) for line in done.stdout.split()]


def linear_program(kernels: Path, mode: str, **environment: str) -> Callable[[], float]:
    """The seconds of linear in a process of its own, after one run to warm up."""
    sources = [BENCH / "time_linear.cu", kernels]
    program = build_program(sources, include_dirs=[INCLUDE], mode=mode).path
    return lambda: output(program, "2", **environment)[-1]


def instrumented_over_plain(repeats: int) -> Iterator[Figure]:
    for kind, kernels, check_target in (("tiled", SOLUTION, 10), ("naive", NAIVE, 30)):
        plain, check, sampled, everything = medians(
            repeats,
            linear_program(kernels, "plain"),
            linear_program(kernels, "check"),
            linear_program(kernels, "profile"),
            linear_program(kernels, "profile", SIMT_BLOCKS="0"),  # all of them
        )
        name = f"{kind} linear,"
        yield Figure(f"check_{kind}", f"{name} check over plain", check / plain, "×", check_target)
        yield Figure(f"profile_{kind}", f"{name} profile over plain", sampled / plain, "×")
        what = f"{name} profile of all blocks"
        yield Figure(f"profile_{kind}_all_blocks", what, everything / plain, "×")


def scaling(repeats: int) -> Iterator[Figure]:
    one, all_cores = medians(
        repeats,
        linear_program(SOLUTION, "plain", SIMT_WORKERS="1"),
        linear_program(SOLUTION, "plain", SIMT_WORKERS=str(CORES)),
    )
    what = f"tiled linear, 1 worker over {CORES}"
    yield Figure("speedup_by_cores", what, one / all_cores, "×", 0.75 * CORES, True)


def memory() -> Iterator[Figure]:
    for mode in ("plain", "check"):
        program = build_program(BENCH / "waiting.cu", mode=mode).path
        what = f"1024 waiting threads a block, {mode}"
        yield Figure(f"memory_{mode}_mb", what, output(program)[0], " MB", 1000)


# ---------------------------------------------------------------------------------- model


def decode_rate(solution: KernelLibrary, tokens: int) -> Iterator[Figure]:
    """The bundled model, all layers custom, with the KV-cache."""
    torch.set_num_threads(1)  # as run.py does: what is left to torch is small
    model, tokenizer = weights.load(weights.BUNDLED)
    model.ops = CustomOps(solution)
    cached = load_kv_cache(ROOT / "solutions").generate
    ids = torch.tensor([tokenizer.encode("Shall I compare thee")])
    times = []
    for _ in generate(model, ids, tokens, Sampler(top_k=1), cached):
        times.append(time.perf_counter())
    rate = 1 / statistics.median(b - a for a, b in itertools.pairwise(times))
    what = "bundled model, decode, custom layers"
    yield Figure("decode_tokens_per_s", what, rate, " tokens/s", 60, True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9, help="rounds a figure (default 9)")
    repeats = parser.parse_args().repeats
    with Console(stderr=True).status("measuring"):
        figures = list(compile_times())
        solution = library(SOLUTION)
        figures += gelu_rate(solution, repeats)
        figures += linear_over_torch(solution, repeats)
        figures += instrumented_over_plain(repeats)
        figures += scaling(repeats)
        figures += memory()
        figures += decode_rate(solution, 60)
    table = Table("what", "measured", "target", "met", title=f"simt on {CORES} cores")
    for figure in figures:
        table.add_row(*figure.row())
    Console().print(table)
    print(json.dumps({figure.key: figure.value for figure in figures} | {"cores": CORES}))


if __name__ == "__main__":
    main()
