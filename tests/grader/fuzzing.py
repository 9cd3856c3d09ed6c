"""What the fuzz tests are made of: messages by their declaration, broken bytes and broken JSON.

MINGPT_FUZZ=3000 pytest tests/grader/test_fuzz*.py asks for so many cases of each test; by default
they are few, and the same each time.
"""

import copy
import math
import os
import socket
import struct
import threading
import time

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.strategies import composite

from grader.client import Worker
from grader.protocol import REQUEST, Message, frames, pair
from grader.protocol.fields import Bool, FilePath, Float, Int, Many, Maybe, OneOf, Record, Text
from grader.protocol.operations import FAILED, OPERATIONS, Array, Arrays, Several

CASES = int(os.environ.get("MINGPT_FUZZ", "0"))


def fuzz(share: float = 1.0):
    """Settings of a test. share: of the cases, for one that takes long."""
    return settings(
        max_examples=max(1, round((CASES or 300) * share)),
        deadline=None,
        derandomize=not CASES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


# -------------------------------------------------------------------------- declared messages


def values(kind) -> st.SearchStrategy:
    """Whatever a declared kind allows."""
    match kind:
        case Int(least, most):
            near = [n for n in (least, most, 0, 1, 2) if least <= n <= most]
            return st.sampled_from(near) | st.integers(least, most)
        case Float(least, most):
            low, high = (None if math.isinf(bound) else bound for bound in (least, most))
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case Bool():
            return st.booleans()
        case Text(most):
            return texts.map(lambda text: text.encode()[:most].decode(errors="ignore"))
        case FilePath():
            return st.binary(max_size=60).map(lambda b: os.fsdecode(b.replace(b"\0", b"/")))
        case OneOf():
            return st.sampled_from(kind.texts)
        case Many(of, most):
            return st.lists(values(of), max_size=min(most, 20))
        case Maybe(of):
            return st.none() | values(of)
        case Record():
            return st.fixed_dictionaries({name: values(k) for name, k in kind.kinds.items()})
    raise AssertionError(f"no values of {kind}")


EVIL = "<script>alert(1)</script>\x1b[2J\x9b31m\u202e\x07%s{0}&amp;'\""
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80) | st.sampled_from(
    [EVIL, "gpt.cu:3", "gelu_kernel", "x" * 5000, "\n" * 50]
)


@composite
def an_array(draw, declared: Array) -> np.ndarray:
    ndim = draw(st.integers(0, 4)) if declared.ndim is None else declared.ndim
    shape = tuple(draw(st.lists(st.integers(0, 5), min_size=ndim, max_size=ndim)))
    return fill(draw, np.dtype(draw(st.sampled_from(declared.dtypes))), shape)


def fill(draw, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """An array of random bits, or of one odd value."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if draw(st.booleans()):
        size = math.prod(shape) * dtype.itemsize
        return np.frombuffer(rng.bytes(size), dtype).reshape(shape).copy()
    if dtype.kind == "f":
        odd = [0.0, 1e38, -3e38, math.nan, math.inf, 1e-45]
    else:
        odd = [0, 1, 7, np.iinfo(dtype).max, np.iinfo(dtype).min]
    return np.full(shape, draw(st.sampled_from(odd)), dtype)


@composite
def some_arrays(draw, declared: Arrays) -> list[np.ndarray]:
    if isinstance(declared, Several):
        most = min(declared.most, declared.least + 4)
        count = draw(st.integers(declared.least, most))
        return [draw(an_array(declared.of)) for _ in range(count)]
    return [draw(an_array(one)) for one in declared]


@composite
def replies(draw, request: Message) -> Message:
    """Any reply that the declaration of an operation allows."""
    operation = OPERATIONS[request.op]
    if draw(st.integers(0, 4)) == 0:
        return request.failure(draw(values(FAILED)))
    return request.answer(draw(values(operation.reply)), draw(some_arrays(operation.reply_arrays)))


@composite
def requests(draw) -> Message:
    op = draw(st.sampled_from(sorted(OPERATIONS)))
    operation = OPERATIONS[op]
    ticket = draw(st.integers(0, 2**64 - 1))
    fields, arrays = draw(values(operation.fields)), draw(some_arrays(operation.arrays))
    return Message(op, fields, arrays, REQUEST, ticket)


@composite
def messages(draw) -> Message:
    request = draw(requests())
    return draw(replies(request)) if draw(st.booleans()) else request


# ------------------------------------------------------------------------------- broken bytes


@composite
def broken(draw, data: bytes) -> bytes:
    """The same with a few changes: bits, bytes, sizes, a part missing or there twice."""
    data = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 6)):
            case 0 if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                data[at : at + 4] = struct.pack("<I", draw(EXTREME) & 0xFFFFFFFF)
            case 2:
                data[at : at + 8] = struct.pack("<Q", draw(EXTREME))
            case 3:
                del data[at:]
            case 4:
                data[at:at] = draw(st.binary(max_size=30))
            case 5:
                data += data[at:]
            case _:
                del data[at : at + draw(st.integers(1, 9))]
    return bytes(data)


EXTREME = st.sampled_from([0, 1, 2, 63, 65, 2**20, 2**28, 2**31, 2**32 - 1, 2**60, 2**64 - 1])


# -------------------------------------------------------------------------------- broken JSON

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | texts
    | st.sampled_from([10**17, -1, 2**63, "global", "shared", [], {}])
)
ANY_JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
)


@composite
def changed(draw, data):
    """Plain data with a few of its parts replaced, removed, added or doubled."""
    data = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 4))):
        place, key, inner = None, None, data
        while isinstance(inner, dict | list) and inner:
            if place is not None and draw(st.integers(0, 5)) == 0:
                break
            keys = sorted(inner) if isinstance(inner, dict) else _indices(inner)
            key = draw(st.sampled_from(keys))
            place, inner = inner, inner[key]
        if place is None:
            return draw(ANY_JSON)
        match draw(st.integers(0, 5)):
            case 0:
                del place[key]
            case 1 if isinstance(place, list):
                place.extend(place[:key])
            case 1:
                place[draw(texts)] = draw(ANY_JSON)
            case 2 if isinstance(inner, int):
                place[key] = draw(st.sampled_from([0, 1, -1, 127, 10**17, 10**19, 2**62]))
            case _:
                place[key] = draw(ANY_JSON)
    return data


def _indices(values: list) -> list[int]:
    return [*range(min(len(values), 6)), len(values) - 1]


def is_printable(text: str) -> bool:
    return all(c.isprintable() or c in "\n\t" for c in text)


# ------------------------------------------------------------------------------ a hostile end


class Alone(Worker):
    """The grader's side of a worker, without a process: whoever has `theirs` can be the worker."""

    def __init__(self):
        self.failed, self._pending, self._output = None, None, ""
        self._channel, (theirs, self.memory) = pair()
        self.theirs = socket.socket(fileno=theirs)
        self.ended = False

    def _end(self, *_, **__) -> int:
        self.ended = True
        return -9

    def close(self) -> None:
        self._channel.close()
        self.theirs.close()


class Hostile(threading.Thread):
    """Does the same as a worker would, once it has been asked: reads the request, then `acts`.

    acts: ("send", make) for bytes made of the request, ("scribble", place, bytes), ("sleep",
    seconds), ("cut", size of the memory), ("close",).
    """

    def __init__(self, worker: Alone, acts: list[tuple]):
        super().__init__(daemon=True)
        self._worker, self._acts = worker, acts

    def run(self) -> None:
        theirs = self._worker.theirs
        try:
            theirs.settimeout(5)
            header = frames.decode_header(theirs.recv(frames.HEADER.size, socket.MSG_WAITALL))
            if header.length:
                theirs.recv(header.length, socket.MSG_WAITALL)
            request = Message(header.op, ticket=header.ticket)
            for name, *arguments in self._acts:
                getattr(self, name)(request, *arguments)
        except OSError:
            pass  # the grader has hung up

    def send(self, request: Message, make) -> None:
        self._worker.theirs.sendall(make(request))

    def scribble(self, request: Message, place: int, data: bytes) -> None:
        os.pwrite(self._worker.memory, data, place)

    def cut(self, request: Message, size: int) -> None:
        os.ftruncate(self._worker.memory, size)

    def sleep(self, request: Message, seconds: float) -> None:
        time.sleep(seconds)

    def close(self, request: Message) -> None:
        self._worker.theirs.shutdown(socket.SHUT_RDWR)


def sealed(message: Message, like: Message) -> bytes:
    """The frame of a message, with the ticket of a request."""
    return frames.encode(Message(message.op, message.fields, message.arrays, message.role,
                                 like.ticket))[0]  # fmt: skip
