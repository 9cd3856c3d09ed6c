"""The channel to a worker: what is sent arrives, and what is malformed is refused."""

import contextlib
import json
import os
import struct
import threading
import time

import numpy as np
import pytest

from grader import protocol
from grader.protocol import Channel, ChannelClosed, ProtocolError


@pytest.fixture
def pipe():
    """(channel that reads, file descriptor that writes raw bytes to it)"""
    read_fd, write_fd = os.pipe()
    yield Channel(read_fd, -1), write_fd
    os.close(read_fd)
    with contextlib.suppress(OSError):  # a test may have closed it
        os.close(write_fd)


def frame(header, payload=b"", magic=b"mgl1") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<4sIQ", magic, len(text), len(payload)) + text + payload


def test_what_is_sent_arrives():
    arrays = [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.array([np.nan, -np.inf], np.float32),
        np.zeros((0, 4), np.int64),
        np.array([True, False]),
        np.arange(300_000, dtype=np.float32),  # more than a pipe holds
    ]
    read_fd, write_fd = os.pipe()
    sender, receiver = Channel(-1, write_fd), Channel(read_fd, -1)
    thread = threading.Thread(target=lambda: sender.send({"op": "call", "n": 3}, arrays, None))
    thread.start()
    header, got = receiver.receive(time.monotonic() + 20)
    thread.join()
    assert header == {"op": "call", "n": 3}
    for a, b in zip(arrays, got, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    sender.close()
    receiver.close()


MALFORMED = {
    "another magic": frame({"arrays": []}, magic=b"GET "),
    "not JSON": frame(b"{"),
    "not UTF-8": frame(b'"\xff"'),
    "not an object": frame([1, 2]),
    "no arrays": frame({"ok": True}),
    "NaN in the header": frame(b'{"arrays": [], "x": NaN}'),
    "deep nesting": frame(b"[" * 100_000),
    "unknown dtype": frame({"arrays": [{"dtype": "object", "shape": [1]}]}, b"12345678"),
    "pickled dtype": frame({"arrays": [{"dtype": "O", "shape": []}]}),
    "negative size": frame({"arrays": [{"dtype": "float32", "shape": [-1]}]}),
    "a size that is not a number": frame(
        {"arrays": [{"dtype": "float32", "shape": [True]}]}, b"1234"
    ),
    "too many dimensions": frame({"arrays": [{"dtype": "uint8", "shape": [1] * 9}]}, b"1"),
    "payload too short": frame({"arrays": [{"dtype": "float32", "shape": [2]}]}, b"1234"),
    "payload too long": frame({"arrays": [{"dtype": "uint8", "shape": [2]}]}, b"1234"),
    "sizes whose product is huge": frame(
        {"arrays": [{"dtype": "float32", "shape": [1 << 27] * 8}]}
    ),
    "a bool of 7": frame({"arrays": [{"dtype": "bool", "shape": [1]}]}, b"\x07"),
    "too many arrays": frame({"arrays": [{"dtype": "uint8", "shape": [0]}] * 65}),
    "an extra key": frame({"arrays": [{"dtype": "uint8", "shape": [0], "order": "F"}]}),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_messages_are_refused(name):
    read_fd, write_fd = os.pipe()

    def write():
        with contextlib.suppress(BrokenPipeError):  # refused before it was all there
            os.write(write_fd, MALFORMED[name])
        os.close(write_fd)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(ProtocolError):
            Channel(read_fd, -1).receive(time.monotonic() + 20)
    finally:
        os.close(read_fd)
        writer.join()


def test_a_message_cut_short_is_a_closed_channel(pipe):
    channel, fd = pipe
    os.write(fd, frame({"arrays": [{"dtype": "uint8", "shape": [4]}]}, b"1234")[:-1])
    os.close(fd)
    with pytest.raises(ChannelClosed):
        channel.receive(time.monotonic() + 20)


@pytest.mark.parametrize("lengths", [(protocol.MAX_HEADER + 1, 0), (2, protocol.MAX_PAYLOAD + 1)])
def test_oversized_messages_are_refused_before_they_are_read(pipe, lengths):
    channel, fd = pipe
    os.write(fd, struct.pack("<4sIQ", b"mgl1", *lengths))
    with pytest.raises(ProtocolError, match="too large"):
        channel.receive(time.monotonic() + 20)


def test_silence_ends_at_the_deadline(pipe):
    channel, fd = pipe
    os.write(fd, b"mg")
    with pytest.raises(TimeoutError):
        channel.receive(time.monotonic() + 0.05)


def test_a_reader_that_does_not_read_cannot_stop_the_sender():
    read_fd, write_fd = os.pipe()
    with pytest.raises(TimeoutError):
        Channel(-1, write_fd).send({}, [np.zeros(1 << 20, np.float32)], time.monotonic() + 0.05)
    os.close(read_fd)
    os.close(write_fd)


def test_only_plain_arrays_can_be_sent():
    with pytest.raises(ProtocolError):
        protocol.encode({}, [np.array([object()])])
