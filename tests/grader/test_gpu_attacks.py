"""Attacks on a GPU: those of the gallery that differ there, and on the check that is only there."""

import re

import pytest

from gallery.attacks.entries import attacks

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(900)]

LAUNCH = "  gelu_kernel<<<(n + block - 1) / block, block, 0, stream>>>(out, in, n);\n"
MANY = "  static int calls;\n  const bool timed = ++calls > 100;\n"
EVERY_OTHER = f"{MANY}  if (timed && calls % 2) return;\n{LAUNCH}"
# Each call is put off until the next, and left out if that one writes to the same place.
PUT_OFF = f"""{MANY}
  static float* last_out;
  static const float* last_in;
  if (timed) {{
    float* now_out = out;
    const float* now_in = in;
    out = last_out;
    in = last_in;
    last_out = now_out;
    last_in = now_in;
    if (out == now_out || !out) return;
  }}
{LAUNCH}"""
# The same output for each call of these sizes: that of the first.
REPEATED = f"""{MANY}
  static float* kept;
  if (timed && kept) {{
    cudaMemcpyAsync(out, kept, n * sizeof(float), cudaMemcpyDeviceToDevice, stream);
    return;
  }}
{LAUNCH}
  if (timed) {{
    cudaMalloc(&kept, n * sizeof(float));
    cudaMemcpyAsync(kept, out, n * sizeof(float), cudaMemcpyDeviceToDevice, stream);
  }}
"""


@pytest.mark.parametrize("name", ["computed on the CPU", "work on another stream"])
def test_who_computes(name, tmp_path, on_gpu):
    (attack,) = [attack for attack in attacks() if attack.name == name]
    gelu = on_gpu(attack.make(tmp_path, {}), "gelu")["gelu"]
    assert gelu.status == "failed"
    assert re.search(attack.says, f"{gelu.message} {gelu.hint}"), gelu.message


@pytest.mark.parametrize("launch", [EVERY_OTHER, PUT_OFF, REPEATED])
def test_timed_calls_that_are_not_made(launch, variant, on_gpu):
    results = on_gpu(variant("gpt.cu", (LAUNCH, launch)), "gelu", "kernel_speed")
    assert results["gelu"].status == "passed", results["gelu"].message
    assert results["kernel_speed"].status == "failed"
    assert "in a timed run of many calls, a result is wrong" in results["kernel_speed"].message
