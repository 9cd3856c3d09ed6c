"""Messages between the grader and a worker: a length, a JSON header, raw arrays. No pickle.

A frame on the wire:

    magic (4 bytes) | header length (u32) | payload length (u64) | header (JSON) | payload

The header is an object; its key "arrays" lists {"dtype", "shape"} of the arrays whose bytes,
row-major and little-endian, make up the payload, one after another. A worker runs code that nobody
has checked, so everything about a frame is verified before it is used: sizes are bounded, types
are on a list, the payload is exactly as long as the arrays say. Whatever doesn't fit is a
ProtocolError, never a crash.
"""

import json
import math
import os
import select
import struct
import time
from collections.abc import Sequence

import numpy as np

MAGIC = b"mgl1"
PREFIX = struct.Struct("<4sIQ")
MAX_HEADER = 1 << 20  # bytes
MAX_PAYLOAD = 1 << 28  # bytes
MAX_ARRAYS = 64
MAX_DIMENSIONS = 8
DTYPES = {
    name: np.dtype(name) for name in ("float32", "float64", "int32", "int64", "uint8", "bool")
}
CHUNK = 1 << 20


class ProtocolError(Exception):
    """A frame that breaks the rules above."""


class ChannelClosed(Exception):
    """The other side is gone, between two frames or within one."""


def encode(header: dict, arrays: Sequence[np.ndarray] = ()) -> list[bytes]:
    """The parts of one frame, to be written one after another.

    Raises ProtocolError for arrays of another dtype than DTYPES, or for too much of anything.
    """
    descriptions, parts = [], []
    for array in arrays:
        if array.dtype.name not in DTYPES:
            raise ProtocolError(f"arrays of {array.dtype} are not sent")
        descriptions.append({"dtype": array.dtype.name, "shape": list(array.shape)})
        parts.append(np.ascontiguousarray(array).tobytes())
    text = json.dumps({**header, "arrays": descriptions}).encode()
    payload = sum(len(part) for part in parts)
    _check_lengths(len(text), payload)
    if len(parts) > MAX_ARRAYS:
        raise ProtocolError(f"{len(parts)} arrays in one message, at most {MAX_ARRAYS} are allowed")
    return [PREFIX.pack(MAGIC, len(text), payload), text, *parts]


def decode_prefix(prefix: bytes) -> tuple[int, int]:
    """The lengths of the header and of the payload, in bytes. Raises ProtocolError."""
    magic, header, payload = PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise ProtocolError("not a message of this protocol")
    _check_lengths(header, payload)
    return header, payload


def decode(text: bytes, payload: bytes) -> tuple[dict, list[np.ndarray]]:
    """The header, less its "arrays", and the arrays. Raises ProtocolError."""
    try:
        header = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the header is not JSON: {error}") from None
    if not isinstance(header, dict) or not isinstance(header.get("arrays"), list):
        raise ProtocolError("the header is not an object with a list of arrays")
    descriptions = header.pop("arrays")
    if len(descriptions) > MAX_ARRAYS:
        raise ProtocolError(f"{len(descriptions)} arrays, at most {MAX_ARRAYS} are allowed")

    arrays, start = [], 0
    for description in descriptions:
        dtype, shape = _check_description(description)
        end = start + dtype.itemsize * math.prod(shape)
        if end > len(payload):
            raise ProtocolError("the payload is shorter than its arrays")
        flat = np.frombuffer(payload, np.uint8, end - start, start)
        if dtype == np.bool_ and flat.size and flat.max() > 1:
            raise ProtocolError("a bool is neither 0 nor 1")
        arrays.append(flat.view(dtype).reshape(shape))
        start = end
    if start != len(payload):
        raise ProtocolError("the payload is longer than its arrays")
    return header, arrays


def _check_lengths(header: int, payload: int) -> None:
    if header > MAX_HEADER or payload > MAX_PAYLOAD:
        raise ProtocolError(f"a message of {header} + {payload} bytes is too large")


def _check_description(description) -> tuple[np.dtype, tuple[int, ...]]:
    if not isinstance(description, dict) or set(description) != {"dtype", "shape"}:
        raise ProtocolError("an array is described by its dtype and its shape")
    name, shape = description["dtype"], description["shape"]
    if not isinstance(name, str) or name not in DTYPES:
        raise ProtocolError("an array of an unknown dtype")
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
        raise ProtocolError("an array's shape is not a short list")
    if any(type(n) is not int or not 0 <= n <= MAX_PAYLOAD for n in shape):
        raise ProtocolError("an array's shape is not made of sizes")
    return DTYPES[name], tuple(shape)


def _refuse_constant(name: str):
    raise ValueError(f"{name} is not JSON")


class Channel:
    """Frames over two pipes. Deadlines are on time.monotonic()'s clock; None waits for ever."""

    def __init__(self, read_fd: int, write_fd: int):
        self.read_fd, self.write_fd = read_fd, write_fd

    def send(self, header: dict, arrays: Sequence[np.ndarray] = (), deadline=None) -> None:
        """Raises ProtocolError, ChannelClosed or TimeoutError."""
        for part in encode(header, arrays):
            self._write(part, deadline)

    def receive(self, deadline: float | None = None) -> tuple[dict, list[np.ndarray]]:
        """The next header and its arrays. Raises ProtocolError, ChannelClosed or TimeoutError."""
        header, payload = decode_prefix(self._read(PREFIX.size, deadline))
        return decode(self._read(header, deadline), self._read(payload, deadline))

    def close(self) -> None:
        """Close both pipes; a second call does nothing."""
        for fd in {self.read_fd, self.write_fd} - {-1}:
            os.close(fd)
        self.read_fd = self.write_fd = -1

    def _read(self, size: int, deadline: float | None) -> bytearray:
        data = bytearray()  # grows as bytes arrive: a length alone allocates nothing
        while len(data) < size:
            _wait(self.read_fd, select.POLLIN, deadline)
            chunk = os.read(self.read_fd, min(CHUNK, size - len(data)))
            if not chunk:
                raise ChannelClosed
            data += chunk
        return data

    def _write(self, data: bytes, deadline: float | None) -> None:
        view = memoryview(data)
        if deadline is not None:
            os.set_blocking(self.write_fd, False)  # a worker that doesn't read must not stop us
        while view:
            _wait(self.write_fd, select.POLLOUT, deadline)
            try:
                view = view[os.write(self.write_fd, view[:CHUNK]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise ChannelClosed from None


def _wait(fd: int, event: int, deadline: float | None) -> None:
    if deadline is None:
        return
    poll = select.poll()
    poll.register(fd, event)
    remaining = deadline - time.monotonic()
    if remaining <= 0 or not poll.poll(remaining * 1000):
        raise TimeoutError
