"""Reports: from the runtime's JSON to what people read."""

import pytest

from simt.report import Report

JSON = """{"kind": "barrier_divergence", "error": 702, "kernel": "early_ret", "file": "prog.cu",
"line": 30, "block": [1, 0, 0], "threads": "(36,0,0)..(63,0,0)",
"message": "they wait for ever", "details": ["28 threads wait", "36 have returned"], "new": 1}"""


def test_all_fields():
    assert Report.from_json(JSON) == Report(
        kind="barrier_divergence",
        error=702,
        kernel="early_ret",
        file="prog.cu",
        line=30,
        block=(1, 0, 0),
        threads="(36,0,0)..(63,0,0)",
        message="they wait for ever",
        details=["28 threads wait", "36 have returned"],
    )


def test_text():
    assert Report.from_json(JSON).text().split("\n") == [
        "simt: BARRIER DIVERGENCE in kernel early_ret, launched at prog.cu:30",
        "  block (1,0,0), threads (36,0,0)..(63,0,0): they wait for ever",
        "  28 threads wait",
        "  36 have returned",
    ]


def test_text_of_little():
    assert Report.from_json('{"kind": "assert"}').text() == "simt: ASSERT"
    report = Report("null_pointer", 700, "k", threads="(5,0,0)", message="x is null")
    assert report.text().split("\n")[1] == "  thread (5,0,0): x is null"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "{}", '{"kind": 3}', b"\xff", None])
def test_no_report(text):
    with pytest.raises(ValueError, match="not a report"):
        Report.from_json(text)


def test_fields_of_the_wrong_type_are_dropped():
    text = '{"kind": "assert", "error": "x", "line": null, "block": 3, "details": "no"}'
    assert Report.from_json(text) == Report("assert", 0, "")
