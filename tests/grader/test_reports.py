"""Reports: each from the one document, again from a file, and none fails for what is missing."""

import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from grader import evidence, grade, history
from grader.report import drawings, gradescope, html, junit
from grader.results import Result, ResultError, read
from mingpt.paths import ROOT
from tests.grader import samples

SCHEMA = json.loads((ROOT / "grader" / "report" / "schema.json").read_text())
GRADESCOPE = json.loads((Path(__file__).parent / "gradescope.schema.json").read_text())


def valid(document: dict) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(document)


class Elements(HTMLParser):
    """The names of a page's elements, and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def test_a_document_of_everything_is_valid_and_read_back_as_it_was():
    result = samples.failing()
    document = result.document()
    valid(document)
    again = Result.from_document(json.loads(json.dumps(document)))
    assert again.document() == document


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A real grading of a wrong gelu, with all reports: the folder that they are in."""
    folder = tmp_path_factory.mktemp("reports")
    text = (ROOT / "solutions" / "gpt.cu").read_text()
    assert text.count("0.044715f") == 1
    (folder / "gpt.cu").write_text(text.replace("0.044715f", "0.054715f"))
    files = [f"--{name}={folder / name}" for name in grade.REPORTS]
    assert grade.main([str(folder), "--only", "gelu", "layernorm", "--device", "cpu", *files]) == 0
    return folder


def test_a_real_document_is_valid_and_says_where_it_is_wrong(graded):
    document = json.loads((graded / "json").read_text())
    valid(document)
    gelu = next(check for check in document["checks"] if check["id"] == "gelu")
    errors = gelu["evidence"]["errors"]
    assert errors["case"] == gelu["figures"]["case"]
    assert errors["first"] == gelu["figures"]["first_wrong"]
    row, column = (i // size for i, size in zip(errors["first"], errors["cell"], strict=True))
    assert errors["cells"][row][column] != "."


def test_from_makes_the_same_reports_without_grading(graded, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(grade, "grade", lambda *_, **__: pytest.fail("it graded"))
    files = [f"--{name}={tmp_path / name}" for name in grade.REPORTS]
    assert grade.main(["--from", str(graded / "json"), *files]) == 0
    for name in grade.REPORTS:
        assert (tmp_path / name).read_text() == (graded / name).read_text(), name
    shown = capsys.readouterr().out
    assert "FAIL  gelu" in shown and "Score: 15 of 25" in shown


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, "No such file"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no result document"),
        ('{"schema_version": 2}', "schema_version is 2, and this grader reads 3"),
        ('{"schema_version": 3}', "checks is missing"),
        ('{"schema_version": 3, "checks": [{}], "environment": {}}', "check 1: id is missing"),
        ('{"schema_version": 3, "checks": [], "environment": {}}', "environment: date"),
    ],
)
def test_what_is_no_document_is_named(text, named, tmp_path, capsys):
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ResultError, match=named):
        read(path)
    assert grade.main(["--from", str(path)]) == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert "results.json" in said and "Traceback" not in said


def test_from_and_a_submission_exclude_each_other(tmp_path, capsys):
    assert grade.main(["solutions", "--from", "x.json"]) == 2
    assert "give no SUBMISSION" in capsys.readouterr().err.replace("\n", " ")


# ---------------------------------------------------------------------------- the page


def test_nothing_of_a_submission_is_html():
    page = html.page(samples.failing())
    elements = Elements(page)
    assert not [tag for tag, _ in elements.tags if tag in ("script", "img", "b")]
    assert not [name for _, attrs in elements.tags for name in attrs if name.startswith("on")]
    assert "<script>document.title" in "".join(elements.words), "shown as text"
    assert "\x1b" not in page and "\x00" not in page


def test_a_page_asks_for_nothing_outside():
    page = html.page(samples.failing())
    for _, attrs in Elements(page).tags:
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("#", "data:")), attrs
    assert "@import" not in page and "url(" not in page


def test_a_page_shows_score_hints_reasons_and_pictures():
    elements = Elements(html.page(samples.failing()))
    words = " ".join("".join(elements.words).split())
    for text in (
        "7.5 of 55 points, and 5 extra",
        "second line",
        "closer",
        "must hold",
        "Lab 3",
        "none at 0.2 … 0.93 all",
        "rows 32 to 63 and columns 40 to 95 of 64 × 96",
        "32 sectors a request, 4 would do",
        "32 passes over the banks a request",
        "Roofline of linear",
        "180 tokens/s",
        "0.60 of the 300",
        "2026-02-01",
    ):
        assert text in words, text  # fmt: skip
    pictures = [attrs for tag, attrs in elements.tags if tag == "svg"]
    assert len(pictures) == 7, "errors, two curves, two requests, a roofline, the history"
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in pictures)


@pytest.mark.parametrize("found", [
    {}, {"errors": 3, "curve": [], "ladder": "x", "traffic": 7},
    {"errors": {"shape": [9, 9], "cell": [1, 1], "first": [0, 0], "cells": ["#"], "case": "c"}},
    {"curve": {"full_ratio": 1, "zero_ratio": 1, "places": []}},
    {"curve": {"full_ratio": "nan", "zero_ratio": 1, "places": [{}]}},
    {"ladder": {"rung": "3_kv_cache", "tokens_per_s": 0, "reference_tokens_per_s": 0, "ratio": 1}},
    {"traffic": [{"function": "gelu"}, 3, None]},
    {"traffic": [samples.traffic()["traffic"][0] | {
        "accesses": [samples.access() | {"size": 10**15}]}]},
    {"traffic": [samples.traffic()["traffic"][0] | {"accesses": [{"line": "x"}], "flops": 0}]},
])  # fmt: skip
def test_no_report_fails_for_evidence_that_is_missing_or_malformed(found):
    result = samples.failing()
    for check in result.checks:
        check.evidence, check.figures = found, {}
    result.history = [{"score": "x"}]
    assert "Report on" in html.page(result)
    gradescope.results(result)
    junit.xml(result)


@pytest.mark.parametrize("checks", [0, 1])
def test_a_report_of_next_to_nothing(checks):
    result = samples.failing()
    result.checks, result.history, result.outputs = result.checks[:checks], [], {}
    assert "No earlier full grading" in html.page(result)
    assert ElementTree.fromstring(junit.xml(result))[0].get("tests") == str(checks)
    jsonschema.validate(json.loads(gradescope.results(result)), GRADESCOPE)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3072), (3072, 1), (64, 96), (257, 1000)])
def test_an_error_map_says_which_share_of_each_cell_is_wrong(shape):
    wrong = np.random.default_rng(0).random(shape) < 0.3
    wrong.flat[-1] = True
    errors = evidence.errors("case", wrong)["errors"]
    tall, wide = errors["cell"]
    assert len(errors["cells"]) <= 64 and len(errors["cells"][0]) <= 64
    for i, row in enumerate(errors["cells"]):
        for j, letter in enumerate(row):
            share = wrong[i * tall : (i + 1) * tall, j * wide : (j + 1) * wide].mean()
            assert (letter == ".") == (share == 0) and (letter == "#") == (share == 1)
            if letter in "123456789":
                assert (int(letter) - 1) / 9 <= share < int(letter) / 9
    assert wrong[tuple(errors["first"])]
    assert len(json.dumps(errors)) < 6000
    ElementTree.fromstring(drawings.error_map(errors))


# ---------------------------------------------------------------------------- for other programs


def test_gradescope_gets_its_documented_form():
    made = json.loads(gradescope.results(samples.failing()))
    jsonschema.validate(made, GRADESCOPE)
    assert made["score"] == 12.5, "extra points are points there"
    tests = {test["name"].split(":")[0]: test for test in made["tests"]}
    assert tests["linear"]["status"] == "failed" and tests["linear"]["max_score"] == 20
    assert "Hint: look" in tests["linear"]["output"] and "closer" not in tests["linear"]["output"]
    assert "status" not in tests["model"] and tests["decoder"]["tags"] == ["extra"]


def test_junit_counts_and_says_the_same():
    suite = ElementTree.fromstring(junit.xml(samples.failing()))[0]
    counts = [int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == [7, 1, 1, 1]
    cases = {case.get("name").split(":")[0]: case for case in suite.iter("testcase")}
    assert "second line" in cases["linear"].find("failure").text
    assert cases["memory"].find("error") is not None and len(cases["decoder"]) == 0
    assert cases["linear"].find("system-out").text.startswith("<script>")
    assert (cases["linear"].get("time"), cases["model"].get("time")) == ("1.250", "0.000")
    assert suite.get("time") == "1.250"


# ---------------------------------------------------------------------------- history


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MINGPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_history_is_kept_in_the_cache_by_folder(cache, tmp_path):
    ours, other = tmp_path / "a", tmp_path / "b"
    for folder in (ours, other):
        folder.mkdir()
    result = samples.failing()
    result.checks = [check for check in result.checks if check.status != "error"]
    assert history.read(ours) == []
    history.add(ours, result)
    result.checks[0].points = 0
    history.add(ours, result)
    assert [one["score"] for one in history.read(ours)] == [7.5, 7.5]
    assert history.read(other) == [] and list(ours.iterdir()) == []
    (tmp_path / "link").symlink_to(ours)
    assert len(history.read(tmp_path / "link")) == 2, "the same folder by another name"

    path = history.path_of(ours)
    path.write_text(path.read_text() * 300 + "{torn\n[]\n")
    history.add(ours, result)
    assert len(path.read_text().splitlines()) == history.KEPT
    assert len(history.read(ours)) == history.SHOWN


def test_a_grading_that_the_grader_failed_in_is_not_remembered(cache, tmp_path):
    history.add(tmp_path, samples.failing())
    assert history.read(tmp_path) == []


def test_only_full_gradings_are_remembered_and_the_last_is_told(
    cache, tmp_path, monkeypatch, capsys
):
    (tmp_path / "gpt.cu").write_text("")
    result = samples.failing()
    result.checks = [check for check in result.checks if check.status != "error"]
    monkeypatch.setattr(grade, "grade", lambda *_, **__: result)
    full = [str(tmp_path), "--device", "cpu"]
    for arguments in ([*full, "--only", "gelu"], [*full, "--no-history"], full):
        assert grade.main(arguments) == 0
        assert "Last time" not in capsys.readouterr().out
    assert len(history.read(tmp_path)) == 1
    result.checks[1].points = 4.5
    assert grade.main(full) == 0
    assert "Last time: 7.5, now 12." in capsys.readouterr().out


def test_a_part_of_the_points_does_not_look_like_all_of_them():
    result = samples.failing()
    result.checks = [
        samples.check("memory", "passed", 5, 10),
        samples.check("gelu", "passed", 10, 10),
    ]
    assert [check.standing for check in result.checks] == ["part", "passed"]
    page = html.page(result)
    assert "◐" in page and 'aria-label="memory: part"' in page
    assert 'aria-label="gelu: pass"' in page
