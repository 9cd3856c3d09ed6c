"""The HTML of what a cell shows: the parts of the grader's report, in a style of their own.

The style sheet holds within .mingpt-lab only, so that nothing of it reaches the notebook; light and
dark follow the notebook's theme.
"""

import re
from functools import cache
from pathlib import Path

from grader.report import html as report
from grader.results import CheckResult, Result
from simt.profiling.pictures.svg import STYLE as OF_PICTURES
from simt.profiling.roofline import DEFAULT_GPU

_FOLDER = Path(__file__).parent / "templates"
# JupyterLab and Notebook, VS Code
_DARK = '[data-jp-theme-light="false"] &{0}, .vscode-dark &{0}'
_BY_SYSTEM = re.compile(
    r"@media screen and \(prefers-color-scheme: dark\) \{\s*(:root|\.simt)\s*(\{[^}]*\})\s*\}"
)


def render(template: str, **fields) -> str:
    """A template of lab/templates, with the style sheet."""
    return _templates().get_template(template).render(style=style(), **fields)


def checks(shown: list[CheckResult], result: Result, hints: int) -> str:
    """These checks of a result. hints: how many of each can be read at once, beyond the first."""
    view = report.view(report.clean(result))
    wanted = [one for one in view["checks"] if one["id"] in {check.id for check in shown}]
    traffic = view["traffic"] if any(one["id"] == "traffic" for one in wanted) else []
    opened = hints if hints > 1 else 0
    return render("checks.html", checks=wanted, traffic=traffic, gpu=DEFAULT_GPU, opened=opened)


@cache
def _templates():
    return report.templates(_FOLDER)


@cache
def style() -> str:
    """The report's style sheets, the pictures' colours and lab.css, for .mingpt-lab alone."""
    names = "base.css", "report.css", "lab.css"
    found = _templates()
    sheets = [found.loader.get_source(found, name)[0] for name in names]
    text = "\n".join([*sheets[:2], OF_PICTURES, sheets[2]])

    def by_theme(found: re.Match) -> str:
        inside = "" if found[1] == ":root" else f" {found[1]}"
        return f"{_DARK.format(inside)} {found[2]}"

    text = _BY_SYSTEM.sub(by_theme, text).replace(":root", "&")
    return f".mingpt-lab {{\n{text}\n}}"
