"""Interrupting a cell: it ends at once, and no process of it is left, whatever was going on."""

import os
import signal
import time

import pytest

from tests.lab.conftest import change

# Minutes of work for a compiler, a constant at a time, each below its limit for one.
SLOW = """
constexpr long slow(long seed) {
  for (long i = 0; i < 3000000; i++) seed = seed * 25214903917 % 281474976710597 + i;
  return seed;
}
template <int n> struct Slow { static constexpr long value = Slow<n - 1>::value + slow(n); };
template <> struct Slow<0> { static constexpr long value = 0; };
static_assert(Slow<300>::value != 1, "");
"""
ENDLESS = ("  float x = in[i];", "  float x = in[i];\n  for (volatile int go = 1; go;) {\n  }")


@pytest.mark.parametrize(
    ("what", "call", "sign", "named"),
    [
        ("a compiler", 'lab.check("gelu")', "build:", "cc1plus"),
        ("a kernel", 'lab.check("gelu")', "gelu:", "python"),
        ("text", 'lab.generate("To be", steps=10**6)', "To be", "python"),
    ],
)
def test_nothing_is_left(what, call, sign, named, stage, notebook):
    folder = stage("1_gelu", "gelu")
    if what == "a compiler":
        with (folder / "gpt.cu").open("a") as file:
            file.write(SLOW)
    elif what == "a kernel":
        change(folder / "gpt.cu", ENDLESS)
    kernel = notebook(folder)
    request = kernel.begin(call)
    kernel.collect(request, until=sign)
    deadline = time.monotonic() + 30
    while not kernel.runs(named):
        assert time.monotonic() < deadline, f"{named} never ran"
        time.sleep(0.02)
    began = time.monotonic()
    kernel.manager.interrupt_kernel()
    outputs = kernel.collect(request)
    assert time.monotonic() - began < 8
    errors = [one for one in outputs if one["output_type"] == "error"]
    assert [one["ename"] for one in errors] == ["Interrupted"], "the notebook stops here"
    assert errors[0]["traceback"] == ["Interrupted. Nothing is left running."]
    assert kernel.wait_until_alone(0) == []
    assert "42" in str(kernel.run("6 * 7")), "the kernel lives"


def test_nothing_outlives_a_kernel_that_dies(stage, notebook):
    folder = stage("1_gelu", "gelu")
    with (folder / "gpt.cu").open("a") as file:
        file.write(SLOW)
    kernel = notebook(folder)
    kernel.collect(kernel.begin('lab.check("gelu")'), until="build:")
    assert kernel.processes()
    os.kill(kernel.pid, signal.SIGKILL)
    assert kernel.wait_until_alone(15) == []
