"""Traffic: counted to the last digit, blamed on the right line, turned into points."""

import dataclasses
import re

import numpy as np
import pytest

from grader import rubric
from grader.checks import traffic as check
from grader.checks.kernels import KERNELS
from grader.client import Worker
from grader.grading import grade
from grader.kernels.cases import gpt2_case
from grader.kernels.traffic import traffic
from grader.outcome import Failure
from mingpt.paths import ROOT
from simt.profiling import Access, Kernel

SOLUTIONS = ROOT / "solutions"
# By hand, in sectors of 8 floats. gelu: in and out. layernorm: in three times, weight, bias, out.
# linear: each of 24 x 2 blocks loads 24 pairs of tiles of 32 x 32; and bias, a row a warp; and out.
SECTORS = {
    "gelu": 2 * 64 * 3072 / 8,
    "layernorm": 6 * 64 * 768 / 8,
    "linear": 48 * 24 * 2 * 32 * 32 / 8 + 48 * 32 * 32 / 8 + 64 * 768 / 8,
}

PAD = "float weight_tile[TILE][TILE + 1];"


@pytest.fixture(scope="module")
def cases():
    return {function: gpt2_case(function, np.random.default_rng(0)) for function in KERNELS}


@pytest.fixture(scope="module")
def reference(cases):
    """The reference's traffic."""
    return counted(SOLUTIONS, cases.values())


def counted(submission, cases, **variables):
    with Worker("cpu", check.VARIABLES | variables, submission) as worker:
        return check.count(worker, submission, list(cases), 60, rubric.load())


def test_the_reference_moves_what_it_should(reference):
    assert {name: t.sectors for name, t in reference.items()} == SECTORS
    assert all(t.extra_passes == 0 and t.cost == t.sectors for t in reference.values())
    assert reference["linear"].passes > 0
    told = check.known(rubric.load()["traffic"].reference)  # where the reference is not at hand
    assert {name: t.cost for name, t in told.items()} == SECTORS


def test_counts_never_vary(variant, cases, reference, quick_rubric):
    # Each worker has the library, its stacks and its memory at other addresses.
    folder = variant("gpt.cu", (PAD, "float weight_tile[TILE][TILE + 2];"))
    runs = [counted(folder, cases.values(), SIMT_WORKERS=n) for n in ("1", "2", "2")]
    first, *others = (check.judge(run, reference, quick_rubric["traffic"]) for run in runs)
    assert first.figures["linear_extra_passes"] > 0
    assert others == [first] * 2  # figures, points and words


def test_a_rule_that_the_profiled_build_alone_breaks(variant, cases, context):
    forget = "\n#ifdef SIMT_TRACED\n  simt_forget_profiles();\n#endif\n"
    folder = variant(
        "gpt.cu",
        ("  const int block = 256;\n", f"  const int block = 256;{forget}"),
        ('#include "gpt.h"\n', '#include "gpt.h"\nextern "C" void simt_forget_profiles();\n'),
    )
    with pytest.raises(Failure, match="simt_forget_profiles: it steers the checker"):
        check.counted(context(folder, "traffic"), folder, [cases["gelu"]])


ROW_LOOP = "for (int c = threadIdx.x; c < num_cols; c += blockDim.x)\n    y[c]"
STRIDED = (
    "int each = (num_cols + blockDim.x - 1) / blockDim.x, from = threadIdx.x * each;\n"
    "  for (int c = from; c < min(from + each, num_cols); c++)\n    y[c]"
)
NAIVE = """  if (row < m && col < n) {
    for (int i = 0; i < k; i++)
      sum += in[(size_t)row * k + i] *
             weight[(size_t)col * k + i];
  }
  for (int k0 = k; k0 < k; k0 += TILE) {"""
# (name, kernel, change, the line's beginning, what is said of it, the ratio)
WASTE = [
    ("naive linear", "linear", ("  for (int k0 = 0; k0 < k; k0 += TILE) {", NAIVE),
     "weight[(size_t)col", "32 sectors a request at {}.*where 4 would do", 126.8),
    ("a tile without padding", "linear", (PAD, "float weight_tile[TILE][TILE];"),
     "for (int i = 0; i < TILE; i++) sum", "32 passes .* at {}.*where 1 would do", 15.57),
    ("two-way conflicts", "linear", (PAD, "float weight_tile[TILE][TILE + 2];"),
     "for (int i = 0; i < TILE; i++) sum", "2 passes .* at {}.*where 1 would do", 1.47),
    ("small tiles", "linear", ("#define TILE 32", "#define TILE 16"), "in_tile[threadIdx.y]",
     "2×.* most of it at {}.*many", 2.0),
    ("layernorm in strides", "layernorm", (ROW_LOOP, STRIDED), "y[c] = ",
     "12 sectors a request at {}.*where 4 would do", 2.333),
    ("gelu in strides", "gelu", ("int i = blockIdx.x * blockDim.x + threadIdx.x;",
                                 "int i = threadIdx.x * gridDim.x + blockIdx.x;"),
     "float x = in[i]", "32 sectors a request at {}.*where 4 would do", 8.0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kernel", "change", "start", "said", "ratio"),
    [values for _, *values in WASTE],
    ids=[name for name, *_ in WASTE],
)
def test_waste_costs_points_and_its_line_is_named(
    kernel, change, start, said, ratio, variant, cases, reference, quick_rubric
):
    folder = variant("gpt.cu", change)
    student = reference | counted(folder, [cases[kernel]])
    passed = check.judge(student, reference, quick_rubric["traffic"])
    source = [line.strip() for line in (folder / "gpt.cu").read_text().splitlines()]
    number = next(i for i, line in enumerate(source, 1) if line.startswith(start))
    first, *_ = passed.message.splitlines()
    assert first.startswith(f"{kernel}: ")
    assert re.search(said.format(rf"gpt\.cu:{number} "), first), first
    assert passed.figures[f"{kernel}_ratio"] == pytest.approx(ratio, rel=0.01)
    weight = SECTORS[kernel] / sum(SECTORS.values())
    lost = min(1, (ratio - 1.1) / (4 - 1.1)) * weight
    assert passed.fraction == pytest.approx(1 - lost, abs=0.01)
    assert passed.hint


def kernel(*accesses: Access, blocks: int = 1, traced: int = 1, truncated: int = 0) -> Kernel:
    return Kernel(
        name="k", launched_at="gpt.cu:1", grid=(blocks, 1, 1), block=(32, 1, 1), static_shared=0,
        dynamic_shared=0, launches=1, blocks=blocks, traced_blocks=traced, barriers=0,
        truncated=truncated, bytes_read=0, bytes_written=0, accesses=list(accesses), code=[],
        warp_steps=0, lane_steps=0, shared_use={},
    )  # fmt: skip


def test_the_cost_of_sectors_and_conflicts():
    loads = Access("gpt.cu:2", "global", "load", requests=10, sectors=80, ideal_sectors=40)
    counter = Access("gpt.cu:3", "program", "atomic", requests=1, sectors=4, ideal_sectors=4)
    shared = Access("gpt.cu:4", "shared", "load", requests=10, wavefronts=31, ideal_wavefronts=10)
    found = traffic([kernel(loads, shared, blocks=6, traced=2), kernel(counter, truncated=12)])
    assert found.sectors == 3 * 80 + 4 + 12
    assert (found.passes, found.extra_passes) == (30, 63)
    # 256 sectors and 30 passes of 128 bytes take 376 sectors' time, and conflicts 63 * 4 more.
    assert found.cost == pytest.approx(256 * (376 + 252) / 376)
    assert found.most_wasted.access is loads and found.most_extra.access is shared
    assert traffic([kernel(loads)]).cost == 80  # nothing shared: nothing to conflict


def test_each_kernel_weighs_what_the_reference_moves_in_it(quick_rubric):
    def moved(sectors: int):
        return traffic([kernel(Access("", "global", "load", requests=1, sectors=sectors))])

    ours = {name: moved(1000) for name in KERNELS} | {"linear": moved(2000)}
    entry = dataclasses.replace(
        quick_rubric["traffic"], settings={"full_ratio": 1.1, "zero_ratio": 4.1}
    )
    less = check.judge({name: moved(300) for name in KERNELS}, ours, entry)
    assert less.fraction == 1 and not less.hint
    student = {"gelu": moved(1000), "layernorm": moved(2600), "linear": moved(9000)}
    assert check.judge(student, ours, entry).fraction == pytest.approx((1 + 0.5 + 2 * 0) / 4)
    with pytest.raises(Failure, match=r"4\.5× the reference"):
        check.judge({name: moved(9000) for name in KERNELS}, ours, entry)


def test_without_its_reference_traffic_counts_for_nothing(variant, quick_rubric):
    entries = dict(quick_rubric.entries)
    settings = {**entries["traffic"].settings, "reference": "no/such/rung"}
    entries["traffic"] = dataclasses.replace(entries["traffic"], settings=settings)
    changed = dataclasses.replace(quick_rubric, entries=entries)
    result = grade(variant(), changed, only=["gelu", "traffic"])
    found = result.checks[-1]
    assert found.status == "skipped" and "no/such/rung" in found.message
    assert found.figures["linear_sectors"] == SECTORS["linear"]
    assert result.score == result.max_score == quick_rubric["gelu"].points


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("#ifdef SIMT_TRACED\n  return;\n#endif", "the result is wrong"),
        ("#ifdef SIMT_TRACED\n  for (int i = 0; i < num_rows * num_cols; i++) {\n"
         "    float x = in[i];\n    out[i] = 0.5f * x * (1.0f + tanhf(0.7978845608f * (x +"
         " 0.044715f * x * x * x)));\n  }\n  return;\n#endif", "less than the output takes"),
    ],
    ids=["does nothing", "computes on the host"],
)  # fmt: skip
def test_another_program_when_counted_is_refused(variant, cases, code, named):
    launch = "  const int block = 256;\n"
    folder = variant("gpt.cu", (launch, f"{launch}{code}\n"))
    with pytest.raises(Failure, match=named):
        counted(folder, [cases["gelu"]])


@pytest.mark.parametrize("text", ["", "3", "[]", "[[]]", '[{"kernel": "k"}]', "[" * 100_000])
def test_forged_counts_are_refused(text, cases):
    with pytest.raises(Failure, match=r"can't be read|less than the output"):
        check.read(text, SOLUTIONS / "gpt.cu", cases["gelu"])
