"""Whatever comes from a worker, the grader neither fails nor waits: it refuses, and says why.

MINGPT_FUZZ=3000 python -m pytest tests/grader/test_fuzz.py      # so many cases of each test
"""

import copy
import itertools
import json
import math
import time
import tracemalloc
import warnings
from concurrent.futures import Future
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gallery import verdict
from grader import grading
from grader.checks import kernels, memory, traffic
from grader.client import RequestFailed, WorkerDied, WorkerFailed, WorkerTimeout
from grader.diagnosis.faults import request_failed
from grader.framework import REGISTRY, Check, Session
from grader.kernels.cases import CASES, gpt2_case, small_cases
from grader.oracle import Oracle
from grader.outcome import Failure, NotMeasured
from grader.protocol import FAILURE, Message, ProtocolError, frames
from grader.protocol.operations import FAILED, OPERATIONS
from grader.report import gradescope, html, junit
from grader.results import PASSED, Result
from lab.looker import view
from mingpt.paths import ROOT
from simt.lines import Line
from simt.listing import Sources
from simt.profiling.arithmetic import BasicBlock
from simt.report import Checked, Report, ranked
from simt.tracing import read_traces
from tests.grader import samples
from tests.grader.fuzzing import (
    ANY_JSON,
    EVIL,
    Alone,
    Hostile,
    broken,
    changed,
    fill,
    fuzz,
    messages,
    replies,
    sealed,
    texts,
    values,
)
from tests.grader.fuzzing import (
    CASES as MANY,
)

# ---------------------------------------------------------------------------- the decoder


@given(message=messages())
@fuzz()
def test_what_is_declared_comes_out_as_it_went_in(message):
    frame, forms = frames.encode(message)
    header = frames.decode_header(frame[: frames.HEADER.size])
    fields, same = frames.decode(header, frame[frames.HEADER.size :])
    assert (header.op, header.role, header.ticket) == (message.op, message.role, message.ticket)
    assert fields == message.fields and same == forms
    assert [form.shape for form in forms] == [array.shape for array in message.arrays]


def read(frame: bytes) -> None:
    """As a channel does, all at once. Only what can be written reads without an error."""
    size = frames.HEADER.size
    frame = frame.ljust(size, b"\0")  # of less a channel waits for the rest
    try:
        header = frames.decode_header(frame[:size])
        frame = frame.ljust(size + header.length, b"\0")
        fields, forms = frames.decode(header, frame[size : size + header.length])
    except ProtocolError as error:
        assert str(error)
        return
    assert sum(form.size for form in forms) <= frames.MAX_PAYLOAD
    arrays = [np.broadcast_to(form.dtype.type(0), form.shape) for form in forms]
    again, _ = frames.encode(Message(header.op, fields, arrays, header.role, header.ticket))
    assert again == frame[: len(again)]


@given(frame=messages().flatmap(lambda message: broken(frames.encode(message)[0])))
@fuzz()
def test_a_broken_frame_is_refused_or_is_another(frame):
    read(frame)


@given(header=st.binary(min_size=20, max_size=20), body=st.binary(max_size=300))
@fuzz()
def test_any_bytes_are_refused_or_a_frame(header, body):
    read(header + body)
    read(frames.MAGIC + header[4:] + body)


@given(op=st.sampled_from(sorted(OPERATIONS)), role=st.integers(0, 2), body=st.binary(max_size=300),
       arrays=st.integers(0, 64))  # fmt: skip
@fuzz()
def test_any_body_is_refused_or_right_and_takes_little_memory(op, role, body, arrays):
    code = OPERATIONS[op].code
    frame = frames.HEADER.pack(frames.MAGIC, role, arrays, code, len(body), 0) + body
    read(frame)  # what is imported or cached is by now
    tracemalloc.start()
    read(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000


# ------------------------------------------------------------------------- a hostile worker

KEEPS_QUIET = 0.03  # seconds that the grader waits for who says nothing more


@st.composite
def acts(draw, request: Message) -> list[tuple]:
    """What a hostile worker does once it has been asked."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        reply = draw(replies(request))
        match draw(st.integers(0, 9)):
            case 0 | 1:
                found.append(("send", lambda asked, reply=reply: sealed(reply, asked)))
            case 2 | 3:
                # Broken with the right ticket in it, wherever that is by then.
                data = draw(broken(frames.encode(reply)[0]))
                ticket = frames.encode(reply)[0][12:20]
                found.append(
                    ("send", lambda asked, data=data, ticket=ticket: data.replace(
                        ticket, asked.ticket.to_bytes(8, "little")))
                )  # fmt: skip
            case 4:
                data = draw(st.binary(max_size=200))
                found.append(("send", lambda asked, data=data: data))
            case 5:
                size = draw(st.sampled_from([1, 70_000, 1_200_000]))
                found.append(("send", lambda asked, size=size: b"\0" * size))
            case 6:
                place = draw(st.integers(0, frames.MAX_PAYLOAD - 1))
                found.append(("scribble", place, draw(st.binary(max_size=200))))
            case 7:
                found.append(("cut", draw(st.sampled_from([0, 1, 4096, 2**40]))))
            case 8:
                found.append(("sleep", draw(st.floats(0, 0.01))))
            case _:
                found.append(("close",))
    return found


@given(data=st.data(), op=st.sampled_from(sorted(OPERATIONS)))
@fuzz()
def test_a_hostile_worker_costs_its_own_request_and_no_time(data, op):
    operation = OPERATIONS[op]
    request = Message(op, data.draw(values(operation.fields)))
    arrays = [np.zeros([2] * (one.ndim or 1), one.dtypes[0]) for one in declared(operation)]
    planned = data.draw(acts(request))
    worker, begun = Alone(), time.monotonic()
    there = Hostile(worker, planned)
    there.start()
    try:
        for _ in range(2):  # what was sent too much is no answer to the next
            try:
                fields, got = worker.ask(op, *arrays, limit=KEEPS_QUIET, **request.fields)
            except RequestFailed as error:
                assert set(map(type, (error.kind, error.type, error.message))) == {str}
                assert is_printable(error.message)
                continue
            except WorkerFailed as error:
                assert str(error) and worker.ended and worker.failed is error
                break
            answer = Message(op, fields, got).answer(fields, got)
            frames.encode(answer)  # is as declared
        # It answered twice, at most: a third reply has no request.
    finally:
        worker.close()
        there.join(10)
    assert not there.is_alive()
    assert time.monotonic() - begun < 5


def declared(operation) -> list:
    if isinstance(operation.arrays, tuple):
        return list(operation.arrays)
    return [operation.arrays.of] * operation.arrays.least


def is_printable(text: str) -> bool:
    return all(c.isprintable() or c in "\n\t" for c in text)


@given(replacement=st.binary(min_size=16, max_size=16), place=st.integers(0, 48))
@fuzz(0.2)
def test_memory_that_changes_all_the_time_gives_each_array_once(replacement, place):
    """What was checked is what is used: a copy, whatever is written meanwhile."""
    worker = Alone()
    request = Message("logits", {}, [np.zeros(2, np.int64)])
    reply = request.answer({}, [np.zeros((4, 4), np.float32)])
    acts_ = [("send", lambda asked: sealed(reply, asked))]
    acts_ += [("scribble", place, replacement)] * 50
    there = Hostile(worker, acts_)
    there.start()
    try:
        _, (array,) = worker.ask("logits", *request.arrays, limit=5)
        first = array.tobytes()
        there.join(10)
        assert array.tobytes() == first
    finally:
        worker.close()


# --------------------------------------------------------------------- what simt has said

KERNEL = {
    "kernel": "linear_kernel", "file": "/x/gpt.cu", "line": 160, "grid": [1, 1, 1],
    "block": [32, 32, 1], "dynamic_shared": 0, "static_shared": 8320, "launches": 1, "blocks": 2,
    "traced_blocks": 1, "barriers": 2, "truncated": 0, "bytes_read": 8320, "bytes_written": 4096,
    "accesses": [
        {"pc": 64 + i, "size": 4, "op": op, "space": space, "requests": 32, "lanes": 1024,
         "sectors": 128, "ideal_sectors": 64, "wavefronts": 64, "ideal_wavefronts": 32, "crowd": 0,
         "array": "in", "element_size": 4, "start": 0, "sample": [4 * i for i in range(32)]}
        for i, (op, space) in enumerate(
            [("load", "global"), ("store", "shared"), ("atomic", "program")])
    ],
    "code": [[64, 10, 320], [80, 1, 32]],
    "shared": {"tile": {"element_size": 4, "extents": [2, 2], "accesses": [1, 2, 3, 4]}},
}  # fmt: skip
PROFILES = [KERNEL, KERNEL | {"kernel": "other", "accesses": KERNEL["accesses"][:1]}]
REPORT = {
    "kind": "shared_race", "error": 0, "kernel": "linear_kernel", "file": "gpt.cu", "line": 160,
    "block": [0, 0, 0], "threads": "(1,0,0)..(2,0,0)", "at": "gpt.cu:140",
    "message": "tile[1] is read at gpt.cu:140 and written at gpt.cu:144",
    "details": ["gpt.cu:140 reads it: thread (1,0,0)"], "among": "block", "count": 3,
    "problem": True,
}  # fmt: skip
CHECKED = {
    "kernels": {"linear_kernel": 2},
    "reports": [REPORT, REPORT | {"kind": "out_of_bounds", "among": "", "error": 719}, REPORT],
}
LANES = [4 * i for i in range(32)]
TRACES = [{
    "kernel": "gelu_kernel", "file": "/x/gpt.cu", "line": 36, "grid": [2, 1, 1],
    "block": [64, 1, 1], "num_blocks": 2, "lost": 0,
    "arrays": [{"name": "in", "space": "global", "size": 512, "element_size": 4, "start": 4096,
                "extents": []},
               {"name": "tile", "space": "shared", "size": 512, "element_size": 4, "start": 0,
                "extents": [4, 32]}],
    "patterns": [LANES, [0] + [-1] * 31],
    "forms": [{"kind": "request", "pc": 64, "op": "load", "size": 4, "array": 0, "pattern": 0,
               "cost": 4, "ideal": 4},
              {"kind": "barrier", "what": "__syncthreads", "line": "gpt.cu:7", "lanes": 64},
              {"kind": "meeting", "what": "__shfl_sync", "line": "gpt.cu:8", "lanes": 3}],
    "blocks": [[0, [0, 0, 0, 0, 1, 128, 1, -1, 0, 2, 0, 0]], [1, [0, 0, 256]]],
}]  # fmt: skip


def told(data) -> str:
    """JSON text, also of what JSON has no numbers for."""
    return json.dumps(data)


def lines_of(binary, offsets, run) -> dict[int, Line]:
    """As simt.lines', with no tool: it must be asked with numbers."""
    return {at: Line(f"gpt.cu:{at % 50}", at % 2 == 0) for at in sorted(set(offsets)) if hex(at)}


def basic_blocks(binary, starts, run) -> dict[int, BasicBlock]:
    return {
        at: BasicBlock([at, at + 4], {at}, {at + 4: 2}, {at: "expf"}) for at in starts if hex(at)
    }


@pytest.fixture(scope="module", autouse=True)
def no_tools(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINGPT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("grader.building.runtime_archive", lambda cache: None)
        patch.setattr("simt.profiling.reader.lines_of", lines_of)
        patch.setattr("simt.tracing.lines_of", lines_of)
        patch.setattr("simt.profiling.reader.basic_blocks", basic_blocks)
        yield


@pytest.fixture(autouse=True)
def no_warnings():
    """A warning of NumPy's would be on the student's screen."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
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
    from simt.profiling import read_profiles

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


class Page(HTMLParser):
    """The elements of a page that could do something, and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.active: list = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag in ("script", "iframe", "object", "img", "a", "form", "input") or any(
            name.startswith("on") or name in ("href", "src") for name, _ in attributes
        ):
            self.active.append((tag, attributes))


NOTHING_ACTIVE = Page(html.page(samples.failing())).active


def shown(message: str, figures: dict, evidence: dict) -> None:
    """It can be said in each kind of report, and does nothing there."""
    check = samples.check("gelu", "failed", 0, 5, message=message, figures=figures,
                          evidence=evidence)  # fmt: skip
    result = Result([check], dict(samples.PLACE), {}, "a submission", [])
    text = result.text()
    document = json.loads(text)
    assert all(is_printable(one) for one in leaves(document)), document
    again = Result.from_document(document)
    json.loads(gradescope.results(again))
    junit.xml(again)
    assert len(Page(html.page(again)).active) <= len(NOTHING_ACTIVE)


def leaves(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, str):
        yield value


# --------------------------------------------------------- checks, with a worker that lies

VOCABULARY, LENGTH = 11, 32


class SmallOracle(Oracle):
    """A model with a few ids: the logits depend on the id and on its position."""

    def __init__(self):
        self.config = SimpleNamespace(block_size=LENGTH, vocab_size=VOCABULARY)
        self._table = np.random.default_rng(5).standard_normal((VOCABULARY, VOCABULARY))

    def logits(self, ids: np.ndarray) -> np.ndarray:
        assert ((ids >= 0) & (ids < VOCABULARY)).all() and ids.size  # torch would raise
        return (self._table[ids] + 0.1 * np.arange(ids.size)[:, None]).astype(np.float32)


ORACLE = SmallOracle()
_NUMBERS = itertools.count()


class Lying:
    """A worker whose replies are as declared. Most are right, or nearly, so that it gets far."""

    failed = None

    def __init__(self, data):
        self._draw = data.draw
        digest = str(next(_NUMBERS))  # what it may read: never the same, so that it must build
        self.shelf = SimpleNamespace(digest=lambda: digest)

    def ask(self, op: str, *arrays: np.ndarray, limit: float, **fields):
        request = Message(op, fields, arrays)
        frames.encode(request)
        how = self._draw(st.integers(0, 9))
        if how == 0:
            raise self._draw(st.sampled_from([WorkerDied(-9), WorkerTimeout(1.0)]))
        reply = self._draw(replies(request))
        if how >= 4 and (near := self._near(request)):
            reply = request.answer(*near)
        if reply.role == FAILURE:
            raise RequestFailed(reply.fields)
        frames.encode(reply)
        return reply.fields, list(reply.arrays)

    def _near(self, request: Message) -> tuple[dict, list] | None:
        """The right answer, perhaps with something else in its arrays."""
        right = getattr(self, request.op, None)
        if right is None:
            return None
        fields, arrays = right(*request.arrays, **request.fields)
        if self._draw(st.integers(0, 2)) == 0:
            at = self._draw(st.integers(0, max(0, len(arrays) - 1)))
            if arrays:
                arrays[at] = fill(self._draw, arrays[at].dtype, arrays[at].shape)
        return fields, arrays

    def build(self, **_):
        return {}, [np.frombuffer(b"\x7fELF" + bytes(60), np.uint8)]

    def load_library(self, **_):
        return {"decoder": True}, []

    def call(self, *buffers, starts, **_):
        return {}, [buffer.copy() for buffer in buffers]

    call_captured = call

    def checked(self, *inputs, shape, **_):
        text = told(self._draw(changed(CHECKED) | st.just({"kernels": {}, "reports": []})))
        return {}, [np.zeros(shape, np.float32), np.frombuffer(text.encode(), np.uint8)]

    def profiled(self, *inputs, shape, **_):
        text = told(self._draw(changed(PROFILES)))
        return {}, [np.zeros(shape, np.float32), np.frombuffer(text.encode(), np.uint8)]

    def logits(self, ids):
        return {}, [ORACLE.logits(ids)]

    def in_pieces(self, ids, **_):
        return self.logits(ids)

    def feed(self, ids, position):
        return {}, [ORACLE.logits(ids) + np.float32(0.1 * position)]

    def greedy(self, ids, new_tokens):
        new = ids
        for _ in range(new_tokens):
            new = np.append(new, ORACLE.logits(new)[-1].argmax())
        return {}, [new[ids.size :]]

    generate = decode = greedy

    def draw(self, ids, seeds, new_tokens, temperature, top_k):
        _, (new,) = self.greedy(ids, new_tokens)
        return {}, [np.tile(new, (seeds.size, 1))]

    def cached(self, ids, new_tokens):
        _, (new,) = self.greedy(ids, new_tokens)
        fed = np.concatenate([ids, new[:-1]])
        calls = np.array([ids.size] + [1] * (new_tokens - 1))
        return {}, [new, ORACLE.after_prompt(ids, new), calls, fed]

    def probe(self, k, v, pieces, max_len):
        layers, (start, end) = len(k), (0, pieces[0])
        steps = {"positions 0": np.arange(end), "mask 0": np.tril(np.ones((end, end), bool))}
        for part in range(len(pieces)):
            end = start + pieces[part]
            steps[f"positions {part}"] = np.arange(start, end)
            steps[f"mask {part}"] = np.tril(np.ones((end - start, end), bool), k=start)
            for layer in range(layers):
                for name, truth in (("k", k), ("v", v)):
                    steps[f"{name} {part} layer {layer}"] = truth[None, layer, :, :end].copy()
            start = end
        if self._draw(st.booleans()):
            steps[self._draw(st.sampled_from(sorted(steps)))] = np.array(True)
        kinds = [{"p": "int64", "m": "bool"}.get(name[0], "float32") for name in steps]
        error = self._draw(st.none() | values(FAILED))
        fields = {"steps": list(steps), "kinds": kinds, "places": [0] * len(steps), "error": error}
        return fields, list(steps.values())

    def open_decoder(self, **_):
        return {"bytes_per_step": self._draw(st.integers(0, 200)), "model_bytes_per_step": 100}, []

    def show(self, file) -> str:
        return str(file)

    def settle(self, limit: float) -> None:
        pass

    def output(self) -> str:
        return ""

    def close(self) -> None:
        pass


RUBRIC = copy.deepcopy(verdict.quick_rubric())
for one in ("speed", "traffic"):
    RUBRIC[one].settings.update(reference="nowhere")
RUBRIC["speed"].settings.update(rounds=2, max_rounds=2, new_tokens=4, prompt_tokens=6)
RUBRIC["decoder"].settings.update(samples=6)


def few_cases(context):
    """The check of a kernel, with its small cases."""
    cases = [case for case in small_cases(context.id, context.rng) if case.work < 5000][:3]
    return kernels.run_cases(context, cases or CASES[context.id](context.rng)[:2], 3.0)


RUNS = {id: REGISTRY[id].run for id in ("build", "model", "kv_cache", "decoder", "speed")}
RUNS |= {"memory": REGISTRY["memory"].run}
RUNS |= dict.fromkeys(("gelu", "layernorm", "linear"), few_cases)


@pytest.mark.parametrize("id", RUNS)
@given(data=st.data())
@fuzz(0.15)
def test_a_worker_that_lies_costs_its_check(id, data):
    session = Session(ROOT / "solutions", "cpu", RUBRIC, seed=data.draw(st.integers(0, 9)))
    session._oracle = Future()
    session._oracle.set_result(ORACLE)
    session.library = Path("/nowhere/lib.so")
    session.passed.update(("gelu", "layernorm", "linear"))
    lying = Lying(data)
    session.take = lambda *_, **__: lying
    check = REGISTRY[id]
    check = Check(check.id, check.title, (), RUNS[id])
    errors: list = []
    result = grading.run(check, session, {}, 10, False, lambda _, error: errors.append(error))
    if errors:
        raise errors[0]
    shown(result.message, result.figures, result.evidence)
    assert 0 <= result.points <= 10 and (result.points == 0 or result.status == PASSED)


def test_not_measured_is_an_outcome_of_the_fuzz():
    """The names that the tests above rely on are what they seem."""
    assert issubclass(NotMeasured, Exception) and not is_printable(EVIL) and MANY >= 0
