"""How fast CUDA C++ runs on this machine's CPU, as ratios measured in one run.

    python bench/simt.py            the table, then one line of JSON
    python bench/simt.py --repeats 15

What a ratio compares is measured in turn, A B A B ..., and medians are taken, so that a machine
that slows down slows both. "Floor" is what simt/ promises on 2 cores.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
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
from simt.build import build_library

INCLUDE = ROOT / "mingpt" / "include"


def library(source: Path) -> KernelLibrary:
    return KernelLibrary(build_library(source, include_dirs=[INCLUDE]).path, "cpu")


def medians(repeats: int, *functions: Callable[[], object]) -> list[float]:
    """Seconds of each function: the median over `repeats` rounds in which each runs once."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(repeats + 1):
        for function, seconds in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds[1:]) for seconds in times]  # the first round warms up


def compile_seconds() -> float:
    """Rewrite and compile solutions/gpt.cu, nothing of it in the cache."""
    build_library(ROOT / "solutions" / "gpt.cu", include_dirs=[INCLUDE])  # makes the runtime
    seconds = [
        build_library(
            ROOT / "solutions" / "gpt.cu",
            include_dirs=[INCLUDE],
            defines=[f"BENCH={time.time_ns()}"],
        ).seconds
        for _ in range(5)
    ]
    return statistics.median(seconds)


def gelu_rate(solution: KernelLibrary, repeats: int) -> float:
    """Elements a second, of a million."""
    x = torch.randn(1024, 1024)
    out = torch.empty_like(x)
    call = lambda: solution.call_gelu(out.data_ptr(), x.data_ptr(), 1024, 1024)  # noqa: E731
    return x.numel() / medians(repeats, call)[0]


def linear_ratios(solution: KernelLibrary, repeats: int) -> tuple[float, float]:
    """Time of the tiled and of a naive linear over torch's, M = 64, N = K = 768."""
    naive = library(ROOT / "bench" / "naive_linear.cu")
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
        repeats, lambda: run(solution), lambda: run(naive), lambda: F.linear(x, weight, bias)
    )
    return tiled / torchs, plain / torchs


def decode_rate(solution: KernelLibrary, tokens: int) -> float:
    """Tokens a second of the bundled model, all layers custom, with the KV-cache."""
    torch.set_num_threads(1)  # as run.py does: what is left to torch is small
    model, tokenizer = weights.load(weights.BUNDLED)
    model.ops = CustomOps(solution)
    cached = load_kv_cache(ROOT / "solutions").generate
    ids = torch.tensor([tokenizer.encode("Shall I compare thee")])
    times = []
    for _ in generate(model, ids, tokens, Sampler(top_k=1), cached):
        times.append(time.perf_counter())
    return 1 / statistics.median(b - a for a, b in itertools.pairwise(times))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9, help="rounds a figure (default 9)")
    args = parser.parse_args()
    solution = library(ROOT / "solutions" / "gpt.cu")
    with Console(stderr=True).status("measuring"):
        seconds = compile_seconds()
        rate = gelu_rate(solution, args.repeats)
        tiled, naive = linear_ratios(solution, args.repeats)
        decode = decode_rate(solution, 60)
    rows = [
        ("rewrite + compile solutions/gpt.cu", f"{seconds:.2f} s", "≤ 1.5 s"),
        ("gelu, 1M elements", f"{rate / 1e6:.0f} M elements/s", "≥ 120 M/s"),
        ("tiled linear 64×768×768, over torch", f"{tiled:.0f}×", "≤ 200×"),
        ("naive linear 64×768×768, over torch", f"{naive:.0f}×", "≤ 90×"),
        ("bundled model, decode, all layers custom", f"{decode:.0f} tokens/s", "≥ 60"),
    ]
    table = Table("what", "measured", "floor", title=f"simt on {os.cpu_count()} cores")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    figures = {
        "compile_s": seconds,
        "gelu_elements_per_s": rate,
        "tiled_over_torch": tiled,
        "naive_over_torch": naive,
        "decode_tokens_per_s": decode,
        "cores": os.cpu_count(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
