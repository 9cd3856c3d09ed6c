"""lab.trace in a real browser: JupyterLab, Notebook 7, light and dark, by mouse and keyboard; and
the picture that an exported page shows."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mingpt.paths import ROOT
from tests.chromium import needs_chromium
from tests.jupyter import SECONDS, Server, run_cell

pytestmark = needs_chromium
CONFLICTS = ("[TILE][TILE + 1]", "[TILE][TILE]")
SETTINGS = {
    "notification": {"fetchNews": "false", "checkForUpdates": False},
    "themes": {"theme": "JupyterLab Light"},
}


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A folder with lab 3: the solution, but for a tile with bank conflicts."""
    folder = tmp_path_factory.mktemp("course")
    lab = folder / "3_linear"
    lab.mkdir()
    text = (ROOT / "solutions" / "gpt.cu").read_text()
    assert CONFLICTS[0] in text
    kept = [line for line in text.splitlines() if not re.match(r"\s*(///|//\|)", line)]
    (lab / "gpt.cu").write_text("\n".join(kept).replace(*CONFLICTS))
    cell = nbformat.v4.new_code_cell('import lab\nlab.trace("linear")')
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, lab / "linear.ipynb")
    return folder


@pytest.fixture(scope="module")
def jupyter(course, tmp_path_factory):
    """A server there, and the folder of its settings."""
    home = tmp_path_factory.mktemp("jupyter")
    kept = home / "settings" / "@jupyterlab" / "apputils-extension"
    kept.mkdir(parents=True)
    for name, setting in SETTINGS.items():
        (kept / f"{name}.jupyterlab-settings").write_text(json.dumps(setting))
    places = {
        f"JUPYTER{name}_DIR": str(home / part)
        for name, part in (
            ("_CONFIG", "config"),
            ("_DATA", "data"),
            ("LAB_SETTINGS", "settings"),
            ("LAB_WORKSPACES", "workspaces"),
        )
    }
    server = Server(course, {**os.environ, **places, "PYTHONPATH": str(ROOT)})
    yield server, kept
    server.close()


@pytest.fixture
def opened(jupyter, browser):
    """opened(app, theme, width) -> the page and the picture in it, after the cell has run."""
    pages, said = [], []

    def note(error):
        if "blob:" in (error.stack or ""):  # the widget's own, not Jupyter's
            said.append(str(error))

    def open_in(app: str, theme: str = "Light", width: int = 1400):
        from playwright.sync_api import Error

        server, kept = jupyter
        themes = {"theme": f"JupyterLab {theme}"}
        (kept / "themes.jupyterlab-settings").write_text(json.dumps(themes))
        where = {"lab": "/lab/tree/{}?reset", "notebook": "/notebooks/{}"}[app]
        page = server.open(browser, where.format("3_linear/linear.ipynb"), width, 1500)
        pages.append(page)
        page.on("pageerror", note)
        output = run_cell(page)
        picture = page.locator(".mingpt-trace")
        try:
            picture.wait_for(timeout=120 * SECONDS)
        except Error as late:
            raise AssertionError(f"no picture, but: {output.inner_text()}") from late
        return page, picture

    yield open_in
    for page in pages:
        page.close()
    assert not said


def serious(page) -> list:
    """What axe-core finds wrong in the picture."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=".mingpt-trace").response["violations"]
    return [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def whole(picture, row: str) -> list[int]:
    """The numbers of all steps in a row of the summary: requests, cost, at best."""
    text = picture.locator(".summary tr", has_text=row).inner_text().replace(",", "")
    return [int(n) for n in re.findall(r"of (\d+)", text)] + [int(re.findall(r"\d+", text)[-1])]


def profiled(course: Path):
    from tests.lab.test_trace import profiled as of_function

    (kernel,) = of_function(course / "3_linear", "linear")
    return kernel


def test_a_student_steps_through_linear(opened, course):
    page, picture = opened("lab")
    status, button = picture.locator(".status"), picture.get_by_role("button", name="Step forward")
    position = picture.locator(".position")
    assert "Warp 0 reads row 0, columns 0–31 of in." in status.inner_text()
    assert "4 sectors, as few as can be" in status.inner_text()
    assert "[threadIdx.y]" in picture.locator("[aria-current=step]").inner_text()
    button.click()
    assert "Warp 1 reads row 1, columns 0–31 of in." in status.inner_text()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert position.inner_text().startswith("step 3 of")

    # The keys are the picture's own: Jupyter adds no cell at B.
    cells = page.locator(".jp-Cell").count()
    page.keyboard.press("b")
    assert "all 1,024 threads of the block wait here" in status.inner_text()
    assert "__syncthreads" in picture.locator("[aria-current=step]").inner_text()
    assert "32 at the barrier" in picture.locator(".now").inner_text()
    assert page.locator(".jp-Cell").count() == cells

    picture.get_by_label("Warp").select_option("5")
    button.click()
    assert "Warp 5 reads row 5, column 0 of in_tile." in status.inner_text()
    assert "epoch 2 of 5" in position.inner_text()
    button.click()
    assert "32 passes over the banks, where 1 would do" in status.inner_text()
    assert "all in one bank" in status.inner_text()

    before = position.inner_text()
    picture.get_by_label("Speed").select_option("60")
    picture.get_by_role("button", name="Play").click()
    page.wait_for_function(f"!document.querySelector('.position').innerText.includes({before!r})")
    picture.get_by_role("button", name="Pause").click()
    stopped = position.inner_text()
    page.wait_for_timeout(200)
    assert position.inner_text() == stopped != before

    picture.get_by_label("Warp").select_option("-1")
    picture.get_by_label("wasteful").check()
    assert position.inner_text().endswith("epoch 2 of 5") or "epoch 4" in position.inner_text()
    assert "where 1 would do" in status.inner_text()
    picture.get_by_label("wasteful").uncheck()
    assert not serious(page)

    # What the blocks add up to is what simt profile counts.
    sums = {"global memory": [0, 0, 0], "shared memory": [0, 0, 0]}
    for block in range(4):
        picture.get_by_label("Block").select_option(f"{block}")
        for row, total in sums.items():
            sums[row] = [a + b for a, b in zip(total, whole(picture, row), strict=True)]
    kernel = profiled(course)
    memory, shared = kernel.total("global"), kernel.total("shared")
    assert sums["global memory"] == [memory.requests, memory.sectors, memory.ideal_sectors]
    assert sums["shared memory"] == [shared.requests, shared.wavefronts, shared.ideal_wavefronts]


@pytest.mark.parametrize(
    ("app", "theme", "width"), [("lab", "Dark", 930), ("notebook", "Light", 760)]
)
def test_narrow_dark_and_in_notebook_7(opened, app, theme, width):
    page, picture = opened(app, theme, width)
    assert picture.evaluate("e => e.scrollWidth <= e.clientWidth")
    background = picture.evaluate("e => getComputedStyle(e).backgroundColor")
    shade = sum(map(int, re.findall(r"\d+", background)[:3])) / 3
    assert (shade < 80) == (theme == "Dark")
    page.keyboard.press("Escape")
    picture.get_by_label("Step", exact=True).focus()
    page.keyboard.press("End")
    assert re.match(r"step ([\d,]+) of \1", picture.locator(".position").inner_text())
    assert not serious(page)


def test_an_exported_page_shows_the_picture(course, browser, tmp_path):
    command = ["nbconvert", "--execute", "--to", "html", "--output-dir", str(tmp_path)]
    subprocess.run(
        [sys.executable, "-m", "jupyter", *command, str(course / "3_linear" / "linear.ipynb")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    page = browser.new_page(offline=True)
    page.goto((tmp_path / "linear.html").as_uri())
    image = page.locator(".jp-RenderedSVG img, .jp-RenderedSVG svg").first
    assert image.is_visible() and image.bounding_box()["height"] > 400
    assert "widget-view" not in page.content()
    page.close()
