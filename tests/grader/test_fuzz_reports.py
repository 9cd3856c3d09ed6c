"""Whatever simt seems to have said of a kernel is refused, or can be judged and shown."""

import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gallery import verdict
from grader.checks import memory, traffic
from grader.client import RequestFailed
from grader.diagnosis.faults import request_failed
from grader.kernels.cases import gpt2_case
from grader.outcome import Failure
from grader.protocol.operations import FAILED
from lab.looker import view
from mingpt.paths import ROOT
from simt.listing import Sources
from simt.profiling import read_profiles
from simt.report import Checked, Report, ranked
from simt.tracing import read_traces
from tests.grader.fuzzing import ANY_JSON, changed, fuzz, texts, values
from tests.grader.told import (
    CHECKED,
    PROFILES,
    REPORT,
    TRACES,
    basic_blocks,
    lines_of,
    shown,
    told,
)

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # it would be on the screen


@pytest.fixture(scope="module", autouse=True)
def no_tools():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simt.profiling.reader.lines_of", lines_of)
        patch.setattr("simt.tracing.lines_of", lines_of)
        patch.setattr("simt.profiling.reader.basic_blocks", basic_blocks)
        yield


LINEAR = gpt2_case("linear", np.random.default_rng(0))
REFERENCE = {"linear": traffic.known("solutions/ladder/2_tiled_linear")["linear"]}


@given(data=changed(PROFILES) | ANY_JSON)
@fuzz(0.5)
def test_any_profile_is_refused_or_counts(data):
    rubric = verdict.quick_rubric()["traffic"]
    try:
        found = traffic.read(told(data), Path("nowhere"), LINEAR, arithmetic=True)
        assert found.cost > 0 and math.isfinite(found.cost)
        passed = traffic.judge({"linear": found}, REFERENCE, rubric, [LINEAR])
        assert 0 < passed.fraction <= 1
        shown(passed.message, passed.figures, passed.evidence)
    except Failure as failure:
        shown(failure.message, failure.figures, failure.evidence)


SOURCES = Sources([ROOT / "solutions" / "gpt.cu"])


@given(data=changed(PROFILES))
@fuzz(0.2)
def test_any_profile_is_refused_or_can_be_drawn(data):
    try:
        kernels_ = read_profiles(told(data), Path("nowhere"))
    except ValueError:
        assume(False)
    for kernel in kernels_[:3]:
        view(kernel, SOURCES)


@given(data=changed(CHECKED) | ANY_JSON)
@fuzz(0.5)
def test_any_reports_are_refused_or_told(data):
    try:
        found = memory.read(told(data))
    except Failure as failure:
        shown(failure.message, {}, {})
        return
    findings = memory.Findings("gelu", True, 1, 1, [("a case", one) for one in found.reports])
    try:
        passed = memory.judge([findings, memory.Findings("linear", True)])
        shown(passed.message, passed.figures, {})
        memory.judge([findings])
    except Failure as failure:
        shown(failure.message, failure.figures, {})


@given(text=st.text(max_size=200) | changed(REPORT).map(told) | st.binary(max_size=100))
@fuzz()
def test_any_text_is_refused_or_a_report(text):
    for read_one in (Report.from_json, Checked.from_json):
        try:
            one = read_one(text)
        except ValueError:
            continue
        for report in ranked(one.reports if isinstance(one, Checked) else [one]):
            assert isinstance(report.text(), str)


@pytest.mark.parametrize("text", [
    '{"kind": ' + "[" * 900 + "]" * 900 + "}",
    '{"kind": "a", "kernel": ' + "[" * 900 + "]" * 900 + "}",
    '{"kind": "a", "line": ' + "9" * 200_000 + "}",
    '{"kind": "a", "details": [' + ",".join(["0"] * 500_000) + "]}",
    '{"reports": [' + ",".join(['{"kind": ""}'] * 500_000) + "]}",
    '{"kind": "' + "x" * 4_000_000 + '"}',
    "[" * 4_000_000,
    '{"a":' * 1_000_000,
], ids=["deep kind", "deep text", "long number", "details", "reports", "long text", "lists",
        "objects"])  # fmt: skip
def test_huge_texts_are_read_in_no_time(text):
    begun = time.monotonic()
    for read_one in (Report.from_json, Checked.from_json, lambda t: read_traces(t, Path("x")),
                     lambda t: traffic.read_profiles(t, Path("x"))):  # fmt: skip
        try:
            found = read_one(text)
        except ValueError as error:
            assert len(str(error)) < 1000
            continue
        assert len(found.text()) < 200_000
    assert time.monotonic() - begun < 20


@given(data=changed(TRACES) | ANY_JSON)
@fuzz()
def test_any_recording_is_refused_or_adds_up(data):
    try:
        launches = read_traces(told(data), Path("nowhere"))
    except ValueError:
        return
    for launch in launches:
        for space in ("global", "shared"):
            total = launch.total(space)
            assert min(total) >= 0
        assert launch.barriers() >= 0 and launch.num_warps >= 1


@given(error=values(FAILED), report=changed(REPORT).map(told) | texts | ANY_JSON.map(told))
@fuzz(0.5)
def test_any_failure_has_words(error, report):
    failure = request_failed(RequestFailed(error | {"kind": "kernel", "report": report}))
    shown(failure.message, failure.figures, {})
    shown(request_failed(RequestFailed(error)).message, {}, {})
