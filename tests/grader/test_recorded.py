"""Who computes: kernels, which see what is there when they run, or the function that launches them.

The gallery's attacks have what must fail. Here is what must not.
"""

import pytest

from grader.grading import grade
from grader.results import Result
from tests.whole import in_all

LAUNCH = "  gelu_kernel<<<(n + block - 1) / block, block, 0, stream>>>(out, in, n);\n"
WAITS = LAUNCH + "  cudaStreamSynchronize(stream);\n"
WAITS_FOR_ALL = LAUNCH + "  if (cudaDeviceSynchronize() != cudaSuccess) return;\n"
ENDS = LAUNCH + "  if (cudaDeviceSynchronize() != cudaSuccess) exit(1);\n"
SCRATCH = (
    "  float* room;\n"
    "  cudaMalloc(&room, n * sizeof(float));\n"
    "  gelu_kernel<<<(n + block - 1) / block, block, 0, stream>>>(room, in, n);\n"
    "  cudaMemcpyAsync(out, room, n * sizeof(float), cudaMemcpyDeviceToDevice, stream);\n"
    "  cudaFree(room);\n"
)
POOL = SCRATCH.replace("sizeof(float));", "sizeof(float), stream);", 1)
POOL = POOL.replace("cudaMalloc(", "cudaMallocAsync(").replace(
    "Free(room", "FreeAsync(room, stream"
)


@pytest.mark.parametrize(
    ("launch", "flags"),
    [
        pytest.param(LAUNCH, 0, id="launches"),
        pytest.param(SCRATCH, 0, id="scratch", marks=in_all),
        pytest.param(POOL, 1, id="scratch of a pool", marks=in_all),
        pytest.param(WAITS, 1, id="waits"),
        pytest.param(WAITS_FOR_ALL, 1, id="waits for all", marks=in_all),
        pytest.param(ENDS, 1, id="ends its process"),
    ],
)
def test_an_honest_function_loses_nothing(variant, quick_rubric, launch, flags):
    """What waits, or has memory of a pool's, can't be recorded: a person is told."""
    judge(grade(variant("gpt.cu", (LAUNCH, launch)), quick_rubric, only=["gelu"]), flags)


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("launch", "flags"), [(LAUNCH, 0), (WAITS, 1), (WAITS_FOR_ALL, 1), (ENDS, 1), (POOL, 0)]
)
def test_on_a_gpu(variant, result_on_gpu, launch, flags):
    """There memory of a pool's can be recorded."""
    judge(result_on_gpu(variant("gpt.cu", (LAUNCH, launch)), "gelu"), flags)


def judge(result: Result, flags: int) -> None:
    (check,) = [check for check in result.checks if check.id == "gelu"]
    assert check.status == "passed" and check.points == check.max_points, check.message
    assert len(result.flags) == flags
    assert all("nobody has seen that its kernels compute" in flag["text"] for flag in result.flags)
