"""lab.trace: what it records is what simt's profile counts, and what is wrong is said kindly."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import psutil
import pytest

from grader.client import Worker
from grader.kernels import traced
from lab.trace.sizes import DEFAULTS, case
from lab.trouble import Trouble
from mingpt.paths import ROOT
from simt.profiling import read_profiles

SOLUTION = ROOT / "solutions"
GELU = "  int i = blockIdx.x * blockDim.x + threadIdx.x;\n"


def submission(folder: Path, **changes: str) -> Path:
    """A copy of the solution with these texts replaced: old=new, by pairs."""
    text = (SOLUTION / "gpt.cu").read_text()
    for old, new in changes.get("replace", ()):
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "gpt.cu").write_text(text)
    return folder


def record(folder: Path, function: str, *sizes: str) -> dict:
    """The last event that the recording prints."""
    command = [sys.executable, "-m", "lab.trace.record", str(folder), function, *sizes]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def profiled(folder: Path, function: str):
    """The kernels of the same call, as simt counts them."""
    with Worker("cpu", {"SIMT_BLOCKS": "0"}, folder) as worker:
        library = traced.build(worker, folder, "profile", 120)
        traced.load(worker, library, 60)
        _, text = traced.run(worker, "profiled", case(function, {}), 60)
    return read_profiles(text, library, arithmetic=False)


def sums(scene: dict) -> dict:
    """Requests, cost and ideal by space, and barriers, from what the widget is given."""
    steps = np.frombuffer(base64.b64decode(scene["steps"]), "<i4").reshape(-1, 3)
    found = {"global": [0, 0, 0], "shared": [0, 0, 0], "barriers": 0}
    for launch in scene["launches"]:
        for _, first, end in launch["blocks"]:
            for number in steps[first:end, 0]:
                form = launch["forms"][number]
                if form["kind"] == "barrier":
                    found["barriers"] += 1
                elif form["kind"] == "request":
                    total = found[launch["arrays"][form["array"]]["space"]]
                    for i, more in enumerate((1, form["cost"], form["ideal"])):
                        total[i] += more
    return found


@pytest.mark.parametrize("function", DEFAULTS)
def test_a_scene_adds_up_to_the_profile(function):
    end = record(SOLUTION, function)
    (kernel,) = profiled(SOLUTION, function)
    memory, shared = kernel.total("global"), kernel.total("shared")
    assert sums(end["scene"]) == {
        "global": [memory.requests, memory.sectors, memory.ideal_sectors],
        "shared": [shared.requests, shared.wavefronts, shared.ideal_wavefronts],
        "barriers": kernel.barriers,
    }
    assert not end["scene"]["is_wrong"]
    assert len(json.dumps(end["scene"])) < 1_000_000


def test_arrays_have_their_names_and_shapes():
    (launch,) = record(SOLUTION, "linear", "m=5", "k=70")["scene"]["launches"]
    shapes = {array["name"]: (array["rows"], array["cols"]) for array in launch["arrays"]}
    assert shapes == {
        "in": (5, 70),
        "weight": (40, 70),
        "bias": (1, 40),
        "out": (5, 40),
        "in_tile": (32, 32),
        "weight_tile": (32, 33),
    }
    lines = {form["line"].partition(":")[2] for form in launch["forms"]}
    source = (SOLUTION / "gpt.cu").read_text().splitlines()
    assert any("__syncthreads" in source[int(line) - 1] for line in lines)
    (function,) = launch["source"]
    told = ["".join(text for _, text in line) for line in function["lines"]]
    assert told == source[function["first"] - 1 :][: len(told)]


def test_bank_conflicts_are_explained_and_drawn(tmp_path):
    folder = submission(tmp_path, replace=[("[TILE][TILE + 1]", "[TILE][TILE]")])
    end = record(folder, "linear")
    forms = end["scene"]["launches"][0]["forms"]
    (worst,) = [form for form in forms if form.get("cost", 0) > form.get("ideal", 0)]
    assert (worst["cost"], worst["ideal"]) == (32, 1) and "one bank" in worst["why"]
    root = ElementTree.fromstring(end["svg"])
    said = [one.get("aria-label", "") for one in root.iter()]
    assert any("32 passes over the banks; 1 would do" in text for text in said)
    assert "loads of weight_tile: 8,192 requests" in end["text"]
    line = next(n for n, t in enumerate((folder / "gpt.cu").read_text().splitlines(), 1)
                if "sum += in_tile" in t)  # fmt: skip
    assert f"{line} | for (int i = 0" in end["text"]


def test_a_wrong_result_is_shown_and_said(tmp_path):
    end = record(submission(tmp_path, replace=[("0.044715f", "0.05f")]), "gelu")
    assert end["event"] == "scene" and end["scene"]["is_wrong"]


@pytest.mark.parametrize(
    ("replace", "words"),
    [
        ([("int i = blockIdx.x", "int i = blokIdx.x")], "does not compile"),
        ([(GELU, GELU + "  for (volatile int t = 1; t;) {}\n")], "does not end: does"),
        ([(GELU, GELU + "  in = nullptr;\n")], "null"),
        ([(GELU, GELU + "  if (n) return;\n")], "no thread read or wrote memory"),
        ([("gelu_kernel<<<", "if (false) gelu_kernel<<<")], "launches no kernel yet"),
        ([("  const int block = 256;", "  abort();\n  const int block = 256;")], "SIGABRT"),
    ],
)
def test_what_can_t_be_shown_is_said_kindly(tmp_path, replace, words):
    end = record(submission(tmp_path, replace=replace), "gelu")
    assert end["event"] == "failed"
    told = f"{end['message']} {end['hint']}"
    assert words in told, told
    assert str(tmp_path) not in end["message"] and "Traceback" not in told


@pytest.mark.parametrize(
    ("function", "sizes", "words"),
    [
        ("silu", {}, "choose gelu, layernorm or linear"),
        ("gelu", {"m": 3}, "it has num_rows and num_cols"),
        ("gelu", {"num_cols": 0}, "num_cols=0"),
        ("gelu", {"num_cols": 1.5}, "whole number"),
        ("gelu", {"num_cols": True}, "whole number"),
        ("linear", {"m": 1024}, "m x n x k"),
    ],
)
def test_sizes_that_won_t_do(function, sizes, words):
    with pytest.raises(Trouble, match=words):
        case(function, sizes)


def run_python(folder: Path, code: str, **more) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **more,
    )


def test_in_plain_python_it_prints_a_table(tmp_path):
    process = run_python(submission(tmp_path), "import lab; lab.trace('gelu', num_rows=1)")
    said, _ = process.communicate(timeout=200)
    assert "gelu_kernel <<<1, 256>>>" in said
    assert "loads of in: 3 requests, 12 sectors (at best 12)" in said


def works(process: psutil.Process) -> bool:
    """Whether it is a worker that has begun to run the kernel."""
    with contextlib.suppress(psutil.Error):
        return "grader.worker" in process.cmdline() and process.cpu_times().user > 1.5
    return False


def test_an_interrupt_leaves_nothing_running(tmp_path):
    hangs = [(GELU, GELU + "  for (volatile int t = 0; n; t++) __syncthreads();\n")]
    folder = submission(tmp_path, replace=hangs)
    process = run_python(folder, "import lab; lab.trace('gelu')")
    family = psutil.Process(process.pid)
    seen: dict[int, psutil.Process] = {}
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and process.poll() is None:
        seen |= {one.pid: one for one in family.children(recursive=True)}
        if any(works(one) for one in seen.values()):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    _, alive = psutil.wait_procs(seen.values(), timeout=10)
    assert seen and not alive


def test_one_output_holds_widget_picture_and_table(notebook, tmp_path):
    kernel = notebook(submission(tmp_path))
    (output,) = kernel.run("lab.trace('gelu')")
    assert output["output_type"] == "display_data"
    kinds = {"application/vnd.jupyter.widget-view+json", "image/svg+xml", "text/plain"}
    assert set(output["data"]) == kinds
    (folder := tmp_path / "gpt.cu").write_text(folder.read_text().replace("tanhf", "tanf_"))
    (output,) = kernel.run("lab.trace('gelu')")
    assert set(output["data"]) == {"text/html", "text/plain"}
    assert "tanf_" in output["data"]["text/plain"] and "gpt.cu:" in output["data"]["text/plain"]
    (output,) = kernel.run("lab.trace('gelu', cols=3)")
    assert "it has num_rows and num_cols" in output["data"]["text/plain"]
