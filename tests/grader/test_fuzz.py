"""Whatever comes over the wire, the grader neither fails nor waits: it refuses, and says why.

MINGPT_FUZZ=2000 python -m pytest tests/grader/test_fuzz*.py      # 20,000 cases
"""

import time
import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grader.client import RequestFailed, WorkerFailed
from grader.protocol import Message, ProtocolError, frames
from grader.protocol.operations import OPERATIONS
from tests.grader.fuzzing import (
    Alone,
    Hostile,
    broken,
    fuzz,
    is_printable,
    messages,
    replies,
    sealed,
    values,
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
