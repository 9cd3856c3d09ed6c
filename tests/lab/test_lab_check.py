"""lab.check in a real kernel: what it shows, and the number that nbgrader takes for the points."""

import re

import nbformat
from nbgrader.utils import determine_grade

from tests.lab.conftest import change

BOUNDS = "  if (i >= n) return;\n"
SUMS_READ = "  __syncthreads();  // all have read warp_sums: the next call may write it\n"


def grade(outputs: list[dict], points: float) -> float:
    """As nbgrader grades a test cell with these outputs."""
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.from_dict(one) for one in outputs])
    cell.metadata["nbgrader"] = {"grade": True, "solution": False, "points": points}
    score, most = determine_grade(cell)
    assert most == points
    return score


def kinds(outputs: list[dict]) -> list[str]:
    return [one["output_type"] for one in outputs]


def test_a_check_fails_kindly_is_mended_and_passes(stage, notebook):
    folder = stage("1_gelu", "gelu")
    change(folder / "gpt.cu", (BOUNDS, "  if (i >= n - 1) return;\n"))
    kernel = notebook(folder)
    outputs = kernel.run('lab.check("gelu")')
    assert kinds(outputs) == ["display_data", "execute_result"], "one output, and the points"
    shown, value = (one["data"] for one in outputs)
    assert value["text/plain"] == "0.0" and "of 10 points" in value["text/html"]
    assert grade(outputs, 10) == 0
    page = shown["text/html"]
    assert page.startswith('<div class="mingpt-lab">') and "is-failed" in page
    assert re.search(r'<details class="hint"><summary>Hint</summary>\s*<p>', page)
    assert "Read again: Lab 1 (gelu)" in page and "<svg" in page, "where it is wrong"
    assert "build" not in re.findall(r'aria-label="(\w+):', page), "passed, and nobody asked"
    plain = shown["text/plain"]
    assert "FAIL  gelu           0 / 10" in plain and "never written" in plain
    assert "(hint=2 says more)" in plain and "<" not in plain and "\x1b" not in plain

    page = kernel.run('lab.check("gelu", hint=2)')[0]["data"]["text/html"]
    assert len(re.findall('<details class="hint" open>', page)) == 2

    change(folder / "gpt.cu", ("  if (i >= n - 1) return;\n", BOUNDS))  # and no restart
    outputs = kernel.run('lab.check("gelu")')
    assert kinds(outputs) == ["display_data", "execute_result"]
    assert outputs[1]["data"]["text/plain"] == "10.0" and grade(outputs, 10) == 10
    assert "is-passed" in outputs[0]["data"]["text/html"]
    assert "pass  gelu          10 / 10" in outputs[0]["data"]["text/plain"]

    # What it needs and nobody asked for is shown when it fails.
    change(folder / "gpt.cu", (BOUNDS, "  if (i >= n) retrun;\n"))
    outputs = kernel.run('lab.check("gelu")')
    assert "gpt.cu" in outputs[0]["data"]["text/plain"] and grade(outputs, 10) == 0
    assert re.findall(r'aria-label="(\w+):', outputs[0]["data"]["text/html"]) == ["build", "gelu"]


def test_partial_credit_and_a_stage(stage, notebook):
    folder = stage("2_layernorm", "gelu", "layernorm")
    change(folder / "gpt.cu", (SUMS_READ, ""))
    kernel = notebook(folder)
    outputs = kernel.run(
        'found = lab.check("memory")\nprint(found.max_points, found.passed)\nfound'
    )
    assert grade(outputs[:1] + outputs[2:], 10) == 5, "half: gelu is clean, layernorm races"
    assert outputs[1]["text"] == "10 False\n"
    plain = outputs[0]["data"]["text/plain"]
    assert "SHARED RACE" in plain and "linear: not looked at, until lab 3." in plain
    outputs = kernel.run("lab.use(stage=1)\nlab.check('memory')")
    assert grade(outputs, 10) == 10, "in lab 1, gelu alone counts"


def test_a_wrong_use_is_a_line(stage, notebook):
    kernel = notebook(stage("1_gelu"))
    for arguments, said in (
        ('"gleu"', "no check 'gleu'"),
        ('"gelu", hint=4', "three levels"),
        ("3", "no check's name"),
    ):
        outputs = kernel.run(f"lab.check({arguments})")
        assert kinds(outputs) == ["display_data", "execute_result"], outputs
        assert said in outputs[0]["data"]["text/plain"] and grade(outputs, 10) == 0


def test_a_folder_with_no_submission(tmp_path, notebook):
    kernel = notebook(tmp_path)
    for call in ('check("gelu")', 'race("gelu")', 'generate("To be")', "ladder()", "carry_on()"):
        outputs = kernel.run(f"lab.{call}")
        assert outputs[0]["output_type"] == "display_data", outputs
        said = outputs[0]["data"]["text/plain"]
        assert len(said.splitlines()) == 1 and ("There is n" in said or "number" in said), said
    (tmp_path / "kv_cache.py").write_text("")
    assert "no gpt.cu" in kernel.run('lab.profile("gelu")')[0]["data"]["text/plain"]
    outputs = kernel.run('lab.check("gelu")')
    assert "no gpt.cu" in outputs[0]["data"]["text/plain"] and grade(outputs, 10) == 0
    assert "nothing was changed" in str(kernel.run('lab.use("nowhere")'))


def test_graded_elsewhere(stage, notebook):
    kernel = notebook(stage("1_gelu", "gelu"), MINGPT_LAB_GRADED_ELSEWHERE="1")
    outputs = kernel.run('lab.check("gelu")')
    assert "graded by the course's grader" in outputs[0]["data"]["text/plain"]
    assert outputs[1]["data"]["text/plain"] == "0.0"


def test_of_two_checks_for_two_devices_one_is_shown(stage, notebook):
    outputs = notebook(stage("1_gelu", "gelu")).run('lab.check("traffic", "kernel_speed")')
    assert grade(outputs, 5) == 5
    shown = re.findall(r'aria-label="(\w+):', outputs[0]["data"]["text/html"])
    assert shown == ["traffic"] and "What a warp asks of memory" in str(outputs)
    assert "kernel_speed" not in outputs[0]["data"]["text/plain"]
