"""The check of memory: what gives right values may still be wrong, and is named with its lines."""

import re
from dataclasses import dataclass

import numpy as np
import pytest

from grader import grading
from grader.checks import memory
from grader.checks.build import build
from grader.checks.kernels import KERNELS
from grader.framework import REGISTRY
from grader.kernels import traced
from grader.kernels.cases import gpt2_case
from grader.outcome import Failure, NotMeasured

GELU_CHECK = "  if (i >= n) return;\n"
TILES_READY = "    }\n    __syncthreads();\n    for (int i = 0; i < TILE; i++) sum"
TILES_USED = "weight_tile[threadIdx.x][i];\n    __syncthreads();\n"
SUMS_READY = "warp_sums[warp] = value;\n  __syncthreads();\n"
SUMS_READ = "  __syncthreads();  // all have read warp_sums: the next call may write it\n"
IN_TILE = "row < m && tile_k < k ? in[(size_t)row * k + tile_k] : 0.0f"
STORE = "if (row < m && col < n) out[(size_t)row * n + col] = sum + (bias ? bias[col] : 0.0f);"
BARRIER = "    __syncthreads();\n"
IN_LOAD = f"in_tile[threadIdx.y][threadIdx.x] = {IN_TILE};"
EARLY_RETURN = "  if (row >= m || col >= n) return;\n  float sum = 0.0f;\n  for (int k0"
DIVERGED = SUMS_READY.replace("  __sync", "  if (lane == 0) __sync")


@dataclass(frozen=True)
class Bug:
    name: str
    kernel: str
    kind: str
    at: tuple[str, ...]  # beginnings of the lines that the message must name
    changes: tuple[tuple[str, str], ...]


ADDED = "for (int i = 0; i < TILE; i++) sum +="
BUGS = [
    Bug("linear without the barrier before the next tile", "linear", "SHARED RACE",
        ("in_tile[threadIdx.y]", ADDED), ((TILES_USED, TILES_USED.replace(BARRIER, "")),)),
    Bug("linear without the barrier after loading", "linear", "SHARED RACE",
        ("in_tile[threadIdx.y]", ADDED), ((TILES_READY, TILES_READY.replace(BARRIER, "")),)),
    Bug("layernorm that uses its sums again too early", "layernorm", "SHARED RACE",
        ("if (lane == 0) warp_sums", "for (int w = 0"), ((SUMS_READ, ""),)),
    Bug("gelu past its end", "gelu", "OUT OF BOUNDS", ("float x = in[i]",), ((GELU_CHECK, ""),)),
    Bug("gelu that writes past its end alone", "gelu", "OUT OF BOUNDS", ("out[i] = 0.5f",),
        (("float x = in[i];", "float x = i < n ? in[i] : 0.0f;"), (GELU_CHECK, ""))),
    Bug("linear that reads a null bias", "linear", "NULL POINTER", ("if (row < m && col < n)",),
        ((STORE, STORE.replace("(bias ? bias[col] : 0.0f)", "bias[col]")),)),
    Bug("linear with a tile not filled past the edge", "linear", "UNINITIALIZED SHARED", (ADDED,),
        ((IN_LOAD, "if (row < m && tile_k < k)\n" + IN_LOAD),)),
    Bug("linear that reads rows past the end of in", "linear", "OUT OF BOUNDS", ("in_tile[th",),
        ((IN_TILE, IN_TILE.replace("row < m && ", "")),)),
    Bug("linear with threads that leave before a barrier", "linear", "UNINITIALIZED SHARED",
        (ADDED,), (("  float sum = 0.0f;\n  for (int k0", EARLY_RETURN),)),
    Bug("layernorm with a barrier in a branch", "layernorm", "BARRIER DIVERGENCE",
        ("if (lane == 0) __sync",), ((SUMS_READY, DIVERGED),)),
    Bug("gelu without end", "gelu", "ENDLESS LOOP", ("float x",),
        (("float x = in[i];", "float x = in[i]; volatile int go = 1; while (go) { }"),)),
    Bug("gelu that uses device memory on the host", "gelu", "DEVICE POINTER ON HOST",
        ("float first",), (("  const int block = 256;\n",
                            "  const int block = 256;\n  float first = in[0];\n"
                            "  if (first != first) return;\n"),)),
]  # fmt: skip


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_is_found_with_its_lines(bug, variant, context):
    folder = variant("gpt.cu", *bug.changes)
    passed = memory.memory(context(folder, "memory"))
    assert passed.fraction == pytest.approx(2 / 3), passed.message
    clean = [name for name in KERNELS if name != bug.kernel]
    assert passed.message.startswith(f"{clean[0]} and {clean[1]} are clean.\n{bug.kernel}(")
    assert bug.kind in passed.message and passed.hint
    source = [line.strip() for line in (folder / "gpt.cu").read_text().splitlines()]
    for start in bug.at:
        (number,) = [i for i, line in enumerate(source, 1) if line.startswith(start)]
        assert f"gpt.cu:{number}" in passed.message, passed.message


def test_the_first_of_a_kind_is_told_and_the_others_are_counted(variant, context):
    folder = variant("gpt.cu", (TILES_READY, TILES_READY.replace(BARRIER, "")))
    message = memory.memory(context(folder, "memory")).message
    assert message.count("SHARED RACE") == message.count("UNINITIALIZED SHARED") == 1
    assert re.search(r"\d more of this kind, at gpt\.cu:\d+", message)
    assert message.index("SHARED RACE") < message.index("UNINITIALIZED SHARED")  # the cause first
    assert len(message) < 2000


def test_a_kernel_counts_only_if_it_is_right(variant, context):
    racy = variant("gpt.cu", (TILES_USED, TILES_USED.replace(BARRIER, "")))
    passed = memory.memory(context(racy, "memory", passed=["gelu", "linear"]))
    assert passed.fraction == pytest.approx(1 / 3)
    assert "layernorm can't count here yet: its own check did not pass" in passed.message
    assert "gelu is clean" in passed.message and "SHARED RACE" in passed.message
    with pytest.raises(Failure, match="SHARED RACE"):  # a wrong kernel's lines are told as well
        memory.memory(context(racy, "memory", passed=["linear"]))


def test_the_starter_fails_kindly(context):
    from mingpt.paths import ROOT

    with pytest.raises(Failure) as failed:
        memory.memory(context(ROOT / "starter", "memory", passed=[]))
    assert failed.value.message == (
        "gelu, layernorm and linear can't count here yet: their own checks did not pass."
    )


def test_memory_is_checked_on_the_cpu_whatever_the_device(variant, context):
    assert memory.memory(context(variant(), "memory", device="cuda")).fraction == 1
    only_nvcc = variant("gpt.cu", ('#include "gpt.h"\n', '#include "gpt.h"\n#include <cublas.h>\n'))
    seen = context(only_nvcc, "memory", device="cuda")
    with pytest.raises(NotMeasured, match=r"(?s)checked on the CPU.*cublas"):
        memory.memory(seen)
    result = grading.run(REGISTRY["memory"], seen.session, {}, 10, False, lambda *_: None)
    assert result.status == "skipped" and result.max_points == 0
    (flag,) = seen.session.flags  # who would like to have no races looked for
    assert flag["id"] == "memory" and "on a GPU only" in flag["text"]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_rule_that_the_checked_build_alone_breaks(variant, context, device):
    """Reports wiped where they are made, and the library that is looked at first is spotless."""
    wipe = "\n#ifdef SIMT_TRACED\n  simt_clear();\n#endif\n"
    folder = variant(
        "gpt.cu",
        ("  const int block = 256;\n", f"  const int block = 256;{wipe}"),
        ('#include "gpt.h"\n', '#include "gpt.h"\nextern "C" void simt_clear();\n'),
    )
    build(context(folder, "build"))
    with pytest.raises(Failure, match="simt_clear: it steers the checker"):
        memory.memory(context(folder, "memory", device=device))


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("abort();", "SIGABRT"),
        ("#ifdef SIMT_TRACED\n  return;\n#endif", "the result is wrong"),
    ],
    ids=["crash", "another program when checked"],
)
def test_what_goes_wrong_otherwise_costs_one_kernel(variant, context, code, named):
    folder = variant(
        "gpt.cu",
        ("  const int block = 256;\n", f"  const int block = 256;\n{code}\n"),
        ('#include "gpt.h"\n', '#include "gpt.h"\n#include <cstdlib>\n'),
    )
    passed = memory.memory(context(folder, "memory"))
    assert passed.fraction == pytest.approx(2 / 3)
    assert re.search(rf"gelu\(num_rows=1, num_cols=1\): .*{named}", passed.message)


@pytest.mark.parametrize(
    "text", ["", "null", "[3]", "{}", '{"reports": [{"kind": []}]}', "[" * 100_000, "\ufffd"]
)
def test_forged_reports_are_refused(text):
    with pytest.raises(Failure, match="can't be read"):
        memory.read(text)


class Forger:
    """A worker that answers with these arrays."""

    def __init__(self, *arrays: np.ndarray):
        self.arrays = arrays

    def ask(self, *_, **__):
        return {}, list(self.arrays)


OUT, TEXT = np.zeros((64, 768), np.float32), np.zeros(2, np.uint8)


@pytest.mark.parametrize(
    "arrays",
    [(), (OUT,), (TEXT, OUT), (OUT, TEXT, TEXT), (OUT[:1], TEXT), (OUT.astype(float), TEXT),
     (OUT, TEXT[:, None]), (OUT, np.zeros(9 << 20, np.uint8))],
)  # fmt: skip
def test_forged_answers_are_refused(arrays):
    case = gpt2_case("layernorm", np.random.default_rng(0))
    with pytest.raises(Failure, match=r"something else|longer than"):
        traced.run(Forger(*arrays), "checked", case, 1)
