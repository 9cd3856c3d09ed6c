"""A student's hour and an instructor's look, in a real browser: from an open lab to the score."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from course.cells import checks_asked
from tests.chromium import needs_chromium
from tests.course.place import NAME, ROOT, Course
from tests.jupyter import SECONDS, Server, run_cell

pytestmark = [
    needs_chromium,
    pytest.mark.timeout(900),  # Validate runs the whole notebook
]
LAB = "1_gelu"
SOLVED = (ROOT / "solutions" / "gpt.cu").read_text()
WRONG = SOLVED.replace("0.044715f * x * x * x", "0.044715f * x * x")
PICTURES = os.environ.get("MINGPT_SCREENSHOTS")  # a folder, to look at what the test saw


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Lab 1 handed out and fetched; the extension that pip would install where Jupyter looks."""
    made = Course(tmp_path_factory.mktemp("browser"), labs=ROOT / "labs")
    extension = made.home / "data" / "labextensions" / "mingpt-lab"
    shutil.copytree(ROOT / "lab" / "labextension", extension)
    made.nbgrader("generate_assignment", LAB)
    made.nbgrader("release_assignment", LAB)
    made.fetch("ada", LAB)
    settings = "c = get_config()\nc.CourseDirectory.course_id = 'mingpt-lab'\n"
    settings += "c.Execute.timeout = 300\n"  # of Validate, as docs/instructors.md has it
    (made.students / "ada" / "nbgrader_config.py").write_text(settings)
    return made


@pytest.fixture(scope="module")
def student(course, browser):
    """Lab 1 as `make lab` opens it: the same workspace, on the fetched folder."""
    home = course.students / "ada"
    layout = "from course import jupyter; from pathlib import Path; import sys;"
    layout += "print(*jupyter.command(Path(sys.argv[1]), 'gelu.ipynb', []), sep='\\n')"
    said = course.run(sys.executable, "-c", layout, str(home / LAB)).split()
    options = [option for option in said if option.startswith("--")]
    server = Server(home, course.environment, *options)
    page = server.open(browser, f"/lab/workspaces/{LAB}")
    yield page
    page.close()
    server.close()


def picture(page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def set_text(page, text: str) -> None:
    """Replace the text of the open editor by typing over it, and save."""
    editor = page.locator(".jp-FileEditor .cm-content")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)
    page.keyboard.press("Control+S")
    page.keyboard.press("Control+Home")
    page.wait_for_timeout(1500)


def test_a_student_works_checks_and_submits(course, student):
    from playwright.sync_api import expect

    page = student
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    editor = page.locator(".jp-FileEditor .cm-content")
    page.get_by_role("button", name="No", exact=True).click()  # no news, thank you
    expect(editor).to_contain_text("gpt.cu: the kernels of GPT-2")
    assert editor.bounding_box()["x"] > 500, "gpt.cu stands beside the notebook"
    colours = editor.locator(".cm-line span").evaluate_all(
        "all => new Set(all.map(one => getComputedStyle(one).color)).size"
    )
    assert colours >= 3, "the code is coloured"

    run_cell(page, "import lab")
    output = run_cell(page, 'lab.check("gelu")')
    expect(output).to_contain_text("not written yet", timeout=120 * SECONDS)
    expect(output).to_contain_text("0 of 10 points", timeout=120 * SECONDS)
    picture(page, "starter")

    set_text(page, WRONG)
    output = run_cell(page, 'lab.check("gelu")')
    expect(output).to_contain_text("x^2 in place of x^3", timeout=120 * SECONDS)
    expect(output).to_contain_text("Hint", timeout=120 * SECONDS)
    expect(output).to_contain_text("0 of 10 points", timeout=120 * SECONDS)
    picture(page, "fails")

    set_text(page, SOLVED)
    output = run_cell(page, 'lab.check("gelu")')
    expect(output).to_contain_text("10 of 10 points", timeout=120 * SECONDS)
    picture(page, "passes")
    assert (course.students / "ada" / LAB / "gpt.cu").read_text() == SOLVED

    run_cell(page, 'lab.trace("gelu")')
    trace = page.locator(".mingpt-trace")
    trace.wait_for(timeout=120 * SECONDS)
    first = trace.locator(".position").inner_text()
    trace.get_by_role("button", name="Step forward").click()
    expect(trace.locator(".position")).not_to_have_text(first)
    picture(page, "trace")

    page.get_by_role("button", name="Validate").click()  # saves, too
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Validation", timeout=400 * SECONDS)
    picture(page, "validate")
    assert "lab.check" not in dialog.inner_text()  # all of these pass; the predictions are open
    page.keyboard.press("Escape")

    page.get_by_role("menuitem", name="Nbgrader").click()
    page.get_by_text("Assignment List").last.click()
    page.get_by_role("button", name="Submit").first.click()
    submitted = page.locator("#submitted_assignments_list")
    expect(submitted).to_contain_text(LAB, timeout=60 * SECONDS)
    picture(page, "submitted")
    assert list((course.exchange / NAME / "inbound").glob(f"*+{LAB}+*"))


def test_an_instructor_sees_the_score(course, browser):
    from playwright.sync_api import expect

    course.nbgrader("collect", LAB)
    course.nbgrader("autograde", LAB)
    with course.gradebook() as gradebook:
        (submission,) = gradebook.find_assignment(LAB).submissions
        (notebook,) = submission.notebooks
        sources = {cell.name: cell.source for cell in notebook.notebook.source_cells}
        checked = [one for one in notebook.grades if checks_asked(sources[one.name])]
        assert [one.auto_score for one in checked] == [one.max_score for one in checked]
        assert sum(one.max_score for one in checked) >= 30
        score = f"{submission.score:g} / {submission.max_score:g}"
    server = Server(course.folder, course.environment)
    try:
        page = server.open(browser, "/lab")  # signs in
        page.goto(f"{server.url}/formgrader/manage_submissions/{LAB}")
        expect(page.locator("tbody")).to_contain_text(score, timeout=60 * SECONDS)
        picture(page, "formgrader")
    finally:
        server.close()
