"""Right solutions that look different from ours: none may fail or be reported, and those that are
sparing with memory lose nothing."""

import pytest

from gallery import entries
from grader.checks import memory, traffic
from grader.kernels.cases import gpt2_case
from mingpt.paths import ROOT
from tests.grader import honest
from tests.whole import part

RIGHT = [*entries.unusual(), *honest.PARTS]
UNUSUAL = part(
    [path for path in RIGHT if path.suffix == ".cu"],
    *("gelu_grid_2d.cu", "gelu_in_shared.cu"),
    *("layernorm_atomics.cu", "layernorm_groups.cu", "layernorm_warp_a_row.cu"),
    *("linear_4x4.cu", "linear_double_buffer.cu", "linear_row_in_shared.cu", "linear_split_k.cu"),
)
CACHES = part(
    [path for path in RIGHT if path.suffix == ".py"],
    *(path.name for path in entries.unusual() if path.suffix == ".py"),
)
# Right, but with far more traffic than they need: what they cost, against the reference.
WASTEFUL = {
    "layernorm_thread_a_row": 5.4,
    "layernorm_welford": 2.0,
    "linear_row_in_shared": 123,
    "linear_split_k": 127,
    "linear_thread_an_output": 127,
    "linear_warp_an_output": 31,
}


@pytest.fixture
def unusual(tmp_path):
    """unusual(path) -> (a submission in which that file takes the place of a part of ours, the
    check of it)"""
    return lambda path: entries.unusual_submission(tmp_path / "submission", path)


@pytest.mark.parametrize("path", CACHES, ids=lambda path: path.stem)
def test_no_false_alarm_of_a_cache(path, unusual, graded):
    folder, check = unusual(path)
    result = graded(folder, check)[check]
    assert result.points == result.max_points > 0, result.message


@pytest.mark.parametrize("path", UNUSUAL, ids=lambda path: path.stem)
def test_no_false_alarm(path, unusual, graded, context):
    folder, function = unusual(path)
    results = graded(folder, function)
    result = results[function]
    assert result.status == "passed", results["build"].message + result.message

    seen = context(folder, "memory")
    found = memory.look_at(seen, memory.build(seen), function)
    assert found.clean and found.cases > 5, found


@pytest.fixture(scope="module")
def reference_cost():
    return {}  # by function


@pytest.mark.parametrize("path", [p for p in UNUSUAL if p in entries.unusual()],
                         ids=lambda path: path.stem)  # fmt: skip
def test_traffic(path, unusual, context, reference_cost):
    folder, function = unusual(path)
    seen = context(folder, "traffic")
    case = gpt2_case(function, seen.rng)
    if function not in reference_cost:
        ours = traffic.counted(seen, ROOT / "solutions", [case])
        reference_cost[function] = ours[function].cost
    counted = traffic.counted(seen, folder, [case])[function]
    ratio = counted.cost / reference_cost[function]
    print(f"{path.stem}: {ratio:.3f} of the reference's traffic")
    if path.stem in WASTEFUL:
        assert ratio == pytest.approx(WASTEFUL[path.stem], rel=0.05)
    else:
        assert ratio <= seen.rubric.full_ratio
