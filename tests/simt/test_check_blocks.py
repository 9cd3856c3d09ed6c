"""simt check, where blocks run at the same time on several OS threads."""

import ctypes

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
