"""Flags: for a human to look at, in every report, and of no weight."""

import json

from rich.console import Console

from grader.report import gradescope, html, junit, terminal
from grader.results import Result
from tests.grader import samples


def test_a_flag_is_in_every_report_and_harmless_there():
    result = samples.failing()
    document = json.loads(result.text())
    assert document["flags"][0]["id"] == "speed"
    again = Result.from_document(document)
    assert again.flags == document["flags"] and again.score == result.score

    output = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    terminal.show_total(output, result, verbose=False)
    said = output.export_text()
    page = html.page(result)
    assert "Worth a look (speed)" in said and "\x1b[31m" not in said
    assert "Worth a look" in page and "<script>document" not in page
    assert "Faster than memory" in junit.xml(result)
    assert "Faster than memory" in gradescope.results(result)


def test_a_document_from_before_there_were_flags():
    document = json.loads(samples.failing().text())
    del document["flags"]
    assert Result.from_document(document).flags == []
