"""The HTML report in a real browser: nothing asked of a network, nothing wrong, readable by all."""

from pathlib import Path

import pytest

from grader.report import html
from tests.chromium import needs_chromium
from tests.grader import samples

pytestmark = needs_chromium
LOOKS = {"light": ("light", 1200), "dark": ("dark", 1200), "phone": ("light", 390),
         "dark phone": ("dark", 390)}  # fmt: skip


def perfect():
    result = samples.failing()
    result.checks = [check for check in result.checks if check.status == "passed"]
    for check in result.checks:
        check.points, check.lost, check.hint = check.max_points, "", ""
    return result


@pytest.fixture(scope="module", params=["failing", "perfect"])
def report(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html.page({"failing": samples.failing, "perfect": perfect}[request.param]()))
    return path


@pytest.mark.parametrize("look", LOOKS)
def test_a_page_is_sound(look, browser, report):
    from axe_playwright_python.sync_playwright import Axe

    scheme, width = LOOKS[look]
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append("a dialog") or dialog.dismiss())
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "scrolls sideways"
    found = Axe().run(page).response["violations"]
    bad = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found
           if one["impact"] in ("serious", "critical")]  # fmt: skip
    assert not bad, bad
    assert not said
    assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}
    assert page.title() != "owned"
    page.close()


def test_hints_come_one_after_the_other(browser, report):
    page = browser.new_page()
    page.goto(report.as_uri())
    if page.get_by_text("closer").count():
        assert not page.get_by_text("look", exact=True).is_visible()
        page.locator("#check-linear").get_by_text("Hint", exact=True).click()
        assert page.get_by_text("look", exact=True).is_visible()
        assert not page.get_by_text("closer").is_visible()
    page.close()
