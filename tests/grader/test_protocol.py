"""The channel to a worker: what is sent arrives, and what is malformed is refused."""

import math
import os
import socket
import struct
import threading
import time

import numpy as np
import pytest

from grader.protocol import (
    FAILURE,
    REQUEST,
    SUCCESS,
    Channel,
    ChannelClosed,
    Message,
    ProtocolError,
    Unsendable,
    frames,
    open_channel,
    pair,
)
from grader.protocol.memory import Memory
from grader.protocol.operations import BY_CODE, OPERATIONS
from grader.worker.__main__ import OPERATIONS as DONE_BY_WORKERS

HEADER = "<4sBBHIQ"  # magic, role, arrays, operation, body length, ticket


@pytest.fixture
def channels():
    """(the grader's side, the worker's)"""
    ours, (theirs, memory) = pair()
    worker = open_channel(theirs, os.dup(memory))
    yield ours, worker
    ours.close()
    worker.close()


@pytest.fixture
def wire():
    """(a channel, the socket at its other end, the memory's file descriptor)"""
    ours, (theirs, memory) = pair()
    other = socket.socket(fileno=theirs)
    yield ours, other, memory
    ours.close()
    other.close()


def later() -> float:
    return time.monotonic() + 20


def text(value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<I", len(data)) + data


def form(dtype: int, *shape: int) -> bytes:
    return struct.pack("<BB", dtype, len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)


FLOAT32, INT64, UINT8, BOOL = 0, 3, 4, 5


def reply(op: str, body: bytes = b"", arrays: int = 0, role: int = SUCCESS, **changes) -> bytes:
    """A reply to request 7, built by hand."""
    header = {"magic": b"mgl2", "code": OPERATIONS[op].code, "length": len(body), "ticket": 7}
    header |= changes
    return (
        struct.pack(
            HEADER,
            *(header["magic"], role, arrays, header["code"], header["length"], header["ticket"]),
        )
        + body
    )


def test_what_is_sent_arrives(channels):
    ours, worker = channels
    k = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    v = np.array([np.nan, -np.inf], np.float32).reshape(1, 1, 2, 1)
    request = Message("probe", {"pieces": [1, 2], "max_len": 3}, [k, v])
    ours.send(request, later())
    got = worker.receive(later())
    assert (got.op, got.role, got.fields) == ("probe", REQUEST, {"pieces": [1, 2], "max_len": 3})
    assert_same(got.arrays, [k, v])

    arrays = [
        np.zeros((0, 4), np.int64),
        np.array([True, False]),
        np.array(2.5, np.float32),
        np.arange(300_000, dtype=np.float32).reshape(2, -1).T,  # not contiguous
    ]
    places = [0, 1, 2, (1 << 63) - 1]
    fields = {"steps": ["ä", "", "x", "y"], "kinds": ["k"] * 4, "places": places, "error": None}
    worker.send(got.answer(fields, arrays))
    back = ours.receive(later(), answer_to=request)
    assert back.fields == fields
    assert_same(back.arrays, arrays)


def assert_same(got, arrays):
    for a, b in zip(arrays, got, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def test_a_failure_arrives(channels):
    ours, worker = channels
    ours.send(request := Message("calls", {"function": "gelu"}), later())
    where = {"file": "kv_cache.py", "line": 3, "source": "x = é", "function": "update"}
    error = {"kind": "exception", "type": "ValueError", "message": "no", "report": None}
    worker.send(worker.receive(later()).failure(error | {"where": where}))
    back = ours.receive(later(), answer_to=request)
    assert back.role == FAILURE and back.fields == error | {"where": where}


def test_paths_of_any_bytes_arrive(channels):
    ours, worker = channels
    ours.send(Message("load_cache", {"submission": os.fsdecode(b"/tmp/\xff\xc3\xa4")}), later())
    assert os.fsencode(worker.receive(later()).fields["submission"]) == b"/tmp/\xff\xc3\xa4"


def test_a_text_that_is_too_long_is_cut_between_characters(channels):
    ours, worker = channels
    ours.send(Message("calls", {"function": "é" * 40 + "\udcff"}), later())
    assert worker.receive(later()).fields == {"function": "é" * 32}


def request(op: str, body: bytes = b"", arrays: int = 0) -> bytes:
    return reply(op, body, arrays, role=REQUEST)


OPENED = reply("open_decoder", struct.pack("<qq", 30, 100))
NO_CORE = b"\x00"
ERROR = b"\x00" + text("T") + text("m") + b"\x00\x00"
MALFORMED = {
    "another magic": reply("calls", magic=b"GET "),
    "a request": request("calls", text("gelu")),
    "an unknown role": reply("calls", role=3),
    "an operation that there is not": reply("calls", code=999),
    "the reply to another operation": reply("fill_pool"),
    "the reply to another request": reply("calls", b"\x00", ticket=8),
    "fields missing": reply("open_decoder", struct.pack("<q", 30)),
    "a field too many": reply("prepare_calls", b"\x00"),
    "a text longer than what is there": request("calls", text("gelu")[:-1]),
    "a text longer than allowed": request("calls", text("g" * 65)),
    "not UTF-8": request("calls", text(b"\xff")),
    "a path longer than allowed": request("load_cache", text("/" * 4097)),
    "a path with a zero": request("load_cache", text("/a\0b")),
    "NaN": request("wake", NO_CORE + struct.pack("<d", math.nan)),
    "infinity": request("wake", NO_CORE + struct.pack("<d", math.inf)),
    "a number out of bounds": request("wake", NO_CORE + struct.pack("<d", -1)),
    "neither something nor nothing": request("wake", b"\x02" + struct.pack("<d", 1)),
    "an integer out of bounds": reply("open_decoder", struct.pack("<qq", -1, 5)),
    "a bool of 7": reply("load_library", b"\x07"),
    "an unknown kind of failure": reply("calls", b"\x09" + ERROR[1:], role=FAILURE),
    "a failure that is not UTF-8": reply("calls", b"\0" + text(b"\xff") + ERROR[6:], role=FAILURE),
    "a list that is too long": reply("caches_made", struct.pack("<I", 1 << 31)),
    "a list longer than what is there": reply("caches_made", struct.pack("<Iq", 2, 1)),
    "an array that is not declared": reply("prepare_calls", form(UINT8, 1), 1),
    "an array missing": reply("logits"),
    "an array with a failure": reply("logits", ERROR + form(FLOAT32, 1, 1), 1, FAILURE),
    "an unknown dtype": reply("logits", form(17, 1, 1), 1),
    "another dtype than declared": reply("logits", form(UINT8, 1, 1), 1),
    "other dimensions than declared": reply("logits", form(FLOAT32, 1), 1),
    "too many dimensions": reply("logits", form(FLOAT32, *[1] * 9), 1),
    "sizes whose product is huge": reply("logits", form(FLOAT32, 1 << 27, 1 << 27), 1),
    "an empty array of a huge size": reply("logits", form(FLOAT32, 0, 1 << 60), 1),
    "sizes that wrap around": reply("logits", form(FLOAT32, 1 << 63, 2), 1),
    "arrays that are too large together": reply(
        "cached",
        form(INT64, 1 << 24) + form(FLOAT32, 1 << 13, 1 << 13) + form(INT64, 1) * 2,
        4,
    ),
    "more arrays than declared": reply("outputs", form(FLOAT32, 1) * 9, 9),
    "more arrays than may be": reply("outputs", form(FLOAT32, 1) * 65, 65),
    "more arrays than their forms": reply("logits", form(FLOAT32, 1, 1), 2),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_messages_are_refused(wire, name):
    ours, other, _ = wire
    frame = MALFORMED[name]
    other.sendall(frame)
    role, code = frame[4], struct.unpack_from("<H", frame, 6)[0]
    awaited = None
    if role != REQUEST or name == "a request":
        op = "calls" if " to another " in name else BY_CODE.get(code, "calls")
        awaited = Message(op, ticket=7)
    with pytest.raises(ProtocolError):
        ours.receive(later(), answer_to=awaited)


def test_what_the_malformed_ones_are_made_of_is_right(wire):
    ours, other, _ = wire
    wake = request("wake", NO_CORE + struct.pack("<d", 1.5))
    other.sendall(OPENED + reply("calls", ERROR, role=FAILURE) + wake)
    opened = ours.receive(later(), answer_to=Message("open_decoder", ticket=7))
    assert opened.fields == {"bytes_per_step": 30, "model_bytes_per_step": 100}
    failed = ours.receive(later(), answer_to=Message("calls", ticket=7))
    assert failed.fields["kind"] == "build" and failed.fields["message"] == "m"
    assert ours.receive(later()).fields == {"core": None, "seconds": 1.5}


def test_a_reply_without_a_request_is_refused(wire):
    ours, other, _ = wire
    other.sendall(OPENED)
    with pytest.raises(ProtocolError):
        ours.receive(later())


def test_no_two_requests_have_the_same_ticket():
    assert len({Message("calls").ticket for _ in range(1000)}) == 1000


def test_a_bool_in_memory_that_is_neither_is_refused(wire):
    ours, other, memory = wire
    fields = struct.pack("<I", 0) * 3 + b"\x00"
    os.pwrite(memory, b"\x01\x07", 0)
    other.sendall(reply("probe", fields + form(BOOL, 2), 1))
    with pytest.raises(ProtocolError, match="bool"):
        ours.receive(later(), answer_to=Message("probe", ticket=7))


def test_what_was_received_cannot_change_any_more(wire):
    ours, other, memory = wire
    os.pwrite(memory, struct.pack("<f", 1.0), 0)
    other.sendall(reply("logits", form(FLOAT32, 1, 1), 1))
    (array,) = ours.receive(later(), answer_to=Message("logits", ticket=7)).arrays
    os.pwrite(memory, struct.pack("<f", 2.0), 0)
    assert array[0, 0] == 1.0


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="a file can't be sealed here")
def test_nobody_can_change_the_size_of_the_memory():
    memory = Memory.create()
    for size in (0, frames.MAX_PAYLOAD - 1, frames.MAX_PAYLOAD + 1):
        with pytest.raises(OSError):
            os.ftruncate(memory.fd, size)
    memory.close()


def test_memory_that_is_cut_off_is_refused(tmp_path):
    """As where there are no seals."""
    fd = os.open(tmp_path / "memory", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 100)
    memory = Memory(fd)
    with pytest.raises(ProtocolError, match="cut off"):
        memory.read(frames.Form(np.dtype("uint8"), (101,), 0))
    memory.close()


def test_a_message_cut_short_is_a_closed_channel(wire):
    ours, other, _ = wire
    other.sendall(OPENED[:-1])
    other.close()
    with pytest.raises(ChannelClosed):
        ours.receive(later(), answer_to=Message("open_decoder", ticket=7))


@pytest.mark.parametrize(
    "changes", [{"length": frames.MAX_BODY + 1}, {"length": 0xFFFFFFFF}, {"arrays": 255}]
)
def test_oversized_messages_are_refused_before_they_are_read(wire, changes):
    ours, other, _ = wire
    other.sendall(reply("open_decoder", **changes))
    with pytest.raises(ProtocolError, match="too large"):
        ours.receive(later(), answer_to=Message("open_decoder", ticket=7))


def test_silence_ends_at_the_deadline(wire):
    ours, other, _ = wire
    other.sendall(b"mg")
    with pytest.raises(TimeoutError):
        ours.receive(time.monotonic() + 0.05, answer_to=Message("open_decoder", ticket=7))


def test_one_byte_at_a_time_ends_at_the_deadline_too(wire):
    ours, other, _ = wire
    done = threading.Event()

    def drip():
        for byte in reply("open_decoder", bytes(100), length=frames.MAX_BODY):
            if done.wait(0.01):
                return
            other.sendall(bytes([byte]))

    thread = threading.Thread(target=drip)
    thread.start()
    with pytest.raises(TimeoutError):
        ours.receive(time.monotonic() + 0.1, answer_to=Message("open_decoder", ticket=7))
    done.set()
    thread.join()


def test_a_reader_that_does_not_read_cannot_stop_the_sender(wire):
    ours, _, _ = wire
    with pytest.raises(TimeoutError):
        while True:
            ours.send(Message("calls", {"function": "gelu"}), time.monotonic() + 0.05)


UNSENDABLE = {
    "another order of bytes": Message("fill_pool", {}, [np.zeros(2, ">f4")]),
    "objects": Message("fill_pool", {}, [np.array([object()])]),
    "another dtype": Message("fill_pool", {}, [np.zeros(2)]),
    "an array missing": Message("fill_pool"),
    "no such operation": Message("format_disk"),
    "no such field": Message("calls", {"function": "gelu", "twice": True}),
    "a field missing": Message("calls"),
    "a number as text": Message("greedy", {"new_tokens": "3"}, [np.zeros(2, np.int64)]),
    "a number out of bounds": Message("greedy", {"new_tokens": -1}, [np.zeros(2, np.int64)]),
    "another choice": Message("load_model", {"device": "tpu"}),
    "a path with a zero": Message("load_cache", {"submission": "a\0b"}),
    "NaN": Message("wake", {"core": None, "seconds": math.nan}),
}


@pytest.mark.parametrize("name", UNSENDABLE)
def test_only_what_is_declared_can_be_sent(channels, name):
    with pytest.raises(Unsendable):
        channels[0].send(UNSENDABLE[name], later())


def test_too_many_bytes_are_not_sent(channels):
    huge = np.broadcast_to(np.float32(0), (frames.MAX_PAYLOAD // 4 + 1,))
    with pytest.raises(Unsendable, match="too large"):
        channels[0].send(Message("fill_pool", {}, [huge]), later())


def test_each_operation_has_a_number_of_its_own():
    assert len(BY_CODE) == len(OPERATIONS)


def test_the_other_side_gone_is_a_closed_channel(wire):
    ours, other, _ = wire
    other.close()
    with pytest.raises(ChannelClosed):
        ours.receive(later(), answer_to=Message("calls"))
    with pytest.raises(ChannelClosed):
        ours.send(Message("calls", {"function": "gelu"}), later())


def test_a_channel_can_be_closed_twice():
    ours, (theirs, _) = pair()
    os.close(theirs)
    assert isinstance(ours, Channel)
    ours.close()
    ours.close()


def test_the_worker_does_what_can_be_asked_for_and_nothing_else():
    assert set(DONE_BY_WORKERS) == set(OPERATIONS)
