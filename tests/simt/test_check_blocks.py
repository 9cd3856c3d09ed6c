"""simt check, where blocks run at the same time on several OS threads."""

import ctypes
import json

import pytest

from simt.build import build_library

SOURCE = """#include <cstddef>
__global__ void count(float* out, int n) {
  for (int i = 0; i < n; i++) atomicAdd(out + i, 1.0f);
}
extern "C" void run(int n) {
  float* out;
  for (int i = 0; i < 10; i++) {
    cudaMalloc(&out, n * sizeof(float));
    cudaMemset(out, 0, n * sizeof(float));
    count<<<2, 1>>>(out, n);
    cudaFree(out);
  }
}
"""


def test_atomics_by_blocks_that_meet_at_each_place_are_no_race(tmp_path):
    path = tmp_path / "count.cu"
    path.write_text(SOURCE)
    library = ctypes.CDLL(str(build_library(path, mode="check").path))
    library.simt_reports.restype = ctypes.c_char_p
    library.run(100_000)
    assert b'"kind"' not in library.simt_reports()


LAST_BLOCK = """#include <cstddef>
struct State { int turn; unsigned arrived; };
__global__ void turns(State* state, int* out) {
  int turn = state->turn;  // read by all blocks
  out[blockIdx.x * blockDim.x + threadIdx.x] = turn;
  __shared__ bool last;
  __syncthreads();
  if (threadIdx.x == 0) {
    FENCE
    last = atomicAdd(&state->arrived, 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) state->turn = turn + 1, state->arrived = 0;
}
extern "C" void run() {
  State* state;
  int* out;
  cudaMalloc(&state, sizeof(State));
  cudaMemset(state, 0, sizeof(State));
  cudaMalloc(&out, 16 * 64 * sizeof(int));
  for (int i = 0; i < 3; i++) turns<<<16, 64>>>(state, out);
  cudaFree(state);
  cudaFree(out);
}
"""


@pytest.mark.parametrize(("fence", "races"), [("__threadfence();", 0), ("", 1)])
def test_the_last_block_may_write_what_all_have_read(fence, races, tmp_path):
    """Known to be the last by an atomic, after a fence. Without it nothing orders them."""
    path = tmp_path / "turns.cu"
    path.write_text(LAST_BLOCK.replace("FENCE", fence))
    library = ctypes.CDLL(str(build_library(path, mode="check").path))
    library.simt_reports.restype = ctypes.c_char_p
    library.run()
    reports = json.loads(library.simt_reports())["reports"]
    assert [r["kind"] for r in reports] == ["global_race"] * races
    assert all("by different blocks" in r["message"] for r in reports)
