"""What a cell shows, in a real browser: readable in light and dark, and nothing else is touched."""

import pytest

from lab import page
from tests.chromium import needs_chromium
from tests.grader import samples

pytestmark = needs_chromium

# A notebook with text of its own around the output, styled as JupyterLab does.
NOTEBOOK = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>a notebook</title>
<style>
body {{ font: 13px serif; margin: 8px; background: {paper}; color: {ink} }}
.jp-RenderedHTMLCommon tbody tr:nth-child(odd) {{ background: #fff }}
.jp-RenderedHTMLCommon :not(pre) > code {{ background: #eee }}
</style></head><body data-jp-theme-light="{light}"><main>
<h1>A notebook</h1><div id="own"><h3>mine</h3><p class="soft hint check">text <code>c</code></p>
<table><tr><th>a</th><td class="number">1</td></tr></table><pre>x</pre>
<details><summary>more</summary></details></div>
<div class="jp-RenderedHTMLCommon">{output}</div></main></body></html>"""
THEMES = {
    "light": {"light": "true", "paper": "#fff", "ink": "#000"},
    "dark": {"light": "false", "paper": "#111", "ink": "#eee"},
}
STYLES = """() => [document.body, ...document.querySelectorAll('#own, #own *')].map(one => {
  const style = getComputedStyle(one);
  return ['color', 'backgroundColor', 'font', 'margin', 'padding', 'border', 'display', 'float',
    'maxWidth', 'overflow'].map(name => style[name]).join('|');
})"""


def output() -> str:
    result = samples.failing()
    return page.checks(result.checks, result, hints=1)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("system", ["light", "dark"])  # which a notebook's theme may contradict
def test_an_output_is_readable_and_keeps_to_itself(theme, system, browser, tmp_path):
    from axe_playwright_python.sync_playwright import Axe

    opened = browser.new_page(color_scheme=system, viewport={"width": 800, "height": 900})
    looks, path = [], tmp_path / "notebook.html"
    for shown in ("", output()):
        path.write_text(NOTEBOOK.format(output=shown, **THEMES[theme]), "utf-8")
        opened.goto(path.as_uri())
        looks.append(opened.evaluate(STYLES))
    assert looks[0] == looks[1], "the notebook looks otherwise with the output in it"
    assert opened.title() == "a notebook", "what a submission says is text"
    opened.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert opened.evaluate("document.documentElement.scrollWidth") <= 800
    found = Axe().run(opened, context=".mingpt-lab").response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    inside = opened.evaluate(
        "['.check', '.check code', 'svg text'].map(s => document.querySelector('.mingpt-lab ' + s))"
        ".map(one => [getComputedStyle(one).backgroundColor, getComputedStyle(one).fill])"
    )
    ink = {"light": "rgb(31, 35, 40)", "dark": "rgb(230, 237, 243)"}
    soft = {"light": "rgb(89, 99, 110)", "dark": "rgb(154, 165, 177)"}
    assert inside[1][0] == "rgba(0, 0, 0, 0)" and inside[2][1] in (ink[theme], soft[theme])
    opened.close()


def test_an_output_asks_for_nothing_outside():
    text = output()
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "") and "<script" not in text
    assert "<h1" not in text and "<h2" not in text and "<h3" not in text, "no table of contents"
