"""Checks with a worker that lies: its replies are as declared, and nothing else is sure."""

import copy
import itertools
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery import verdict
from grader import grading
from grader.checks import kernels
from grader.client import RequestFailed, WorkerDied, WorkerTimeout
from grader.framework import REGISTRY, Check, Session
from grader.kernels.cases import CASES, small_cases
from grader.oracle import Oracle
from grader.protocol import FAILURE, Message, frames
from grader.protocol.operations import FAILED
from grader.results import PASSED
from mingpt.paths import ROOT
from tests.grader.fuzzing import changed, fill, fuzz, replies, values
from tests.grader.told import CHECKED, PROFILES, basic_blocks, lines_of, shown, told

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # it would be on the screen


@pytest.fixture(scope="module", autouse=True)
def no_tools(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINGPT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("grader.building.runtime_archive", lambda cache: None)
        patch.setattr("simt.profiling.reader.lines_of", lines_of)
        patch.setattr("simt.profiling.reader.basic_blocks", basic_blocks)
        yield


VOCABULARY, LENGTH = 11, 32


class SmallOracle(Oracle):
    """A model with a few ids: the logits depend on the id and on its position."""

    def __init__(self):
        sizes = {"n_layer": 1, "n_head": 1, "n_embd": 4}
        self.config = SimpleNamespace(block_size=LENGTH, vocab_size=VOCABULARY, **sizes)
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
        self.counts_calls = data.draw(st.integers(0, 5)) == 0
        digest = str(next(_NUMBERS))  # what it may read: never the same, so that it must build
        self.shelf = SimpleNamespace(digest=lambda: digest)

    def awake(self):
        return nullcontext()

    def gpu_lost(self):
        return ""

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

    def inspect_sources(self, **_):
        return {"rule": "", "broken": ""}, []

    inspect_library = inspect_python = inspect_sources

    def layer_calls(self):
        return {}, [np.zeros((2, 5), np.int64)]

    def load_library(self, **_):
        return {"decoder": True}, []

    def call(self, *buffers, starts, **_):
        return {}, [buffer.copy() for buffer in buffers]

    def call_captured(self, *buffers, **_):
        return {"recorded": True}, [buffer.copy() for buffer in buffers]

    def launch_captured(self, *buffers):
        return {}, [buffer.copy() for buffer in buffers]

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
