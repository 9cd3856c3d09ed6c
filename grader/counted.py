"""Were the model's layers really called, and with which shapes? The grader's side of the counter.

A worker's layers tell worker/counter.c of each call. Here is what the structure of GPT-2 says that
they must have told.
"""

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grader import files
from grader.outcome import Failure
from mingpt.kernels import LAYERS
from mingpt.paths import cache_dir
from simt.cache import touch, workspace
from simt.compiler import TIMEOUT, CompileError, find_compiler, run

if TYPE_CHECKING:
    from grader.client import Worker
    from mingpt.model import GPTConfig

SOURCE = Path(__file__).parent / "worker" / "counter.c"
Calls = Counter  # (layer, *sizes) -> how often
MOST = 4096  # kinds of calls that are told apart


def library() -> Path | None:
    """The compiled counter, in the cache; None where there is no compiler: then nothing is counted.
    Raises OSError."""
    try:
        compiler = find_compiler()
    except CompileError:
        return None
    text = SOURCE.read_bytes()
    key = hashlib.sha256(text + compiler.identity().encode()).hexdigest()[:20]
    path = cache_dir() / f"counter-{key}.so"
    if path.exists():
        touch(path)
        return path
    with workspace(path.parent) as scratch:
        made = scratch / path.name
        flags = ["-x", "c", "-std=c11", "-O2", "-shared", "-fPIC"]
        try:
            run([[*compiler.command, *flags, str(SOURCE), "-o", str(made)]], TIMEOUT)
        except CompileError:
            return None
        files.write(path, made.read_bytes())
    return path


def take(worker: "Worker", limit: float) -> Calls | None:
    """The calls in this worker since the last time; None where it was given no counter."""
    if not worker.counts_calls:
        return None
    _, (table,) = worker.ask("layer_calls", limit=limit)
    return read(table)


def read(table: np.ndarray) -> Calls:
    """What a worker's `layer_calls` sent: (rows, 5) int64. Raises Failure for another table."""
    if (
        len(table) > MOST
        or table.shape[1] != 5
        or not np.isin(table[:, 0], range(len(LAYERS))).all()
    ):
        raise Failure("What came back as the layers' calls can't be read.")
    calls: Calls = Counter()
    for kind, *sizes, count in table.tolist():
        calls[(LAYERS[kind], *sizes)] += count
    return calls


def expected(config: "GPTConfig", fed: list[int], all_logits: bool = False) -> Calls:
    """The calls when the model is fed so many tokens each time. all_logits: of each position, not
    only of the last."""
    calls: Calls = Counter()
    c = config.n_embd
    for tokens in fed:
        calls["layernorm", tokens, c, 0] += 2 * config.n_layer + 1
        calls["gelu", tokens, 4 * c, 0] += config.n_layer
        for n, k in ((3 * c, c), (c, c), (4 * c, c), (c, 4 * c)):
            calls["linear", tokens, n, k] += config.n_layer
        calls["linear", tokens if all_logits else 1, config.vocab_size, c] += 1
    return calls


def compare(found: Calls | None, right: Calls, when: str, hint: str) -> None:
    """Raises Failure at the first call that is missing, or that there should not be."""
    if found is None:
        return
    for call in [*right, *found]:
        if found[call] != right[call]:
            layer, *sizes = call
            names = ("m", "n", "k") if layer == "linear" else ("num_rows", "num_cols")
            shape = ", ".join(f"{name}={size}" for name, size in zip(names, sizes, strict=False))
            raise Failure(
                f"{when}, the model's layers were not called as GPT-2 calls them:"
                f" {layer}({shape}) {found[call]} times, where {right[call]} belong.",
                hint,
                {"layer": layer, "calls": found[call], "expected_calls": right[call]},
            )


def last_only(calls: Calls, config: "GPTConfig") -> Calls:
    """The same, as if the lm_head had always had one row: it is up to the caller how many."""
    changed: Calls = Counter()
    for call, count in calls.items():
        is_head = call[0] == "linear" and call[2:] == (config.vocab_size, config.n_embd)
        changed[("linear", 1, *call[2:]) if is_head else call] += count
    return changed


def tokens(calls: Calls, config: "GPTConfig") -> float:
    """How many tokens went through each kind of layer, the least of all: gelu, of which each block
    has one, and the four matrices of a block."""
    c = config.n_embd
    through: Calls = Counter()
    for (layer, rows, *sizes), count in calls.items():
        through[(layer, *sizes)] += rows * count
    kinds = [("gelu", 4 * c, 0)]
    kinds += [("linear", n, k) for n, k in ((3 * c, c), (c, c), (4 * c, c), (c, 4 * c))]
    return min(through[kind] for kind in kinds) / config.n_layer
