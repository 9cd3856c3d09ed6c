"""A message as bytes, and back: everything but the bytes of its arrays (memory.py has those)."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from secrets import randbits

import numpy as np

from grader.protocol.errors import ProtocolError, Unsendable
from grader.protocol.fields import Reader, Record
from grader.protocol.operations import (
    BY_CODE,
    DTYPES,
    FAILED,
    MAX_ARRAYS,
    MAX_DIMENSIONS,
    OPERATIONS,
    Array,
    Arrays,
    Several,
)

MAGIC = b"mgl2"
HEADER = struct.Struct("<4sBBHIQ")
MAX_BODY = 1 << 20  # bytes
MAX_PAYLOAD = 1 << 28  # bytes of all arrays of a message
ALIGN = 64  # bytes: where an array may begin

REQUEST, SUCCESS, FAILURE = 0, 1, 2  # roles

_FORM = struct.Struct("<BB")
_SIZES = [struct.Struct(f"<{ndim}Q") for ndim in range(MAX_DIMENSIONS + 1)]
_NUMBERS = {dtype: number for number, dtype in enumerate(DTYPES)}


@dataclass(frozen=True)
class Message:
    """A request, or a reply to one. ticket: its request's number, which nobody can guess."""

    op: str
    fields: dict = field(default_factory=dict)
    arrays: Sequence[np.ndarray] = ()
    role: int = REQUEST
    ticket: int = field(default_factory=lambda: randbits(64))

    def answer(self, fields: dict, arrays: Sequence[np.ndarray] = ()) -> "Message":
        """The reply to this request when it went well."""
        return Message(self.op, fields, arrays, SUCCESS, self.ticket)

    def failure(self, error: dict) -> "Message":
        """The reply when it did not: FAILED of operations.py."""
        return Message(self.op, error, (), FAILURE, self.ticket)


@dataclass(frozen=True)
class Form:
    """Of an array in the shared memory: what it is, and where it begins (bytes)."""

    dtype: np.dtype
    shape: tuple[int, ...]
    start: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.dtype.itemsize * math.prod(self.shape)

    @property
    def end(self) -> int:
        return self.start + self.size


@dataclass(frozen=True)
class Header:
    """What the first HEADER.size bytes say."""

    op: str
    role: int
    ticket: int
    arrays: int  # how many
    length: int  # of the body, bytes


def encode(message: Message) -> tuple[bytes, list[Form]]:
    """The frame, and where the bytes of its arrays belong. Raises Unsendable."""
    operation = OPERATIONS.get(message.op)
    if operation is None:
        raise Unsendable(f"there is no operation {message.op}")
    record, declared = _declared(message.op, message.role)
    defaults = operation.defaults if message.role == REQUEST else {}
    if problem := _misfit([(a.dtype, a.ndim) for a in message.arrays], declared):
        raise Unsendable(f"{message.op}: {problem}")
    body, forms, start = bytearray(), [], 0
    record.write({**defaults, **message.fields}, body)
    for array in message.arrays:
        form = Form(array.dtype, array.shape, start)
        body += _FORM.pack(_NUMBERS[array.dtype], array.ndim)
        body += _SIZES[array.ndim].pack(*array.shape)
        forms.append(form)
        start = _after(form)
    if start > MAX_PAYLOAD or len(body) > MAX_BODY:
        raise Unsendable(f"{message.op}: a message of {len(body)} + {start} bytes is too large")
    header = (MAGIC, message.role, len(forms), operation.code, len(body), message.ticket)
    return HEADER.pack(*header) + bytes(body), forms


def decode_header(data: bytes) -> Header:
    """From HEADER.size bytes. Raises ProtocolError."""
    magic, role, arrays, code, length, ticket = HEADER.unpack(data)
    if magic != MAGIC:
        raise ProtocolError("not a message of this protocol")
    if role not in (REQUEST, SUCCESS, FAILURE):
        raise ProtocolError("neither a request nor a reply")
    if code not in BY_CODE:
        raise ProtocolError("of an operation that there is not")
    if arrays > MAX_ARRAYS or length > MAX_BODY:
        raise ProtocolError(f"{arrays} arrays and {length} bytes: a message is too large")
    return Header(BY_CODE[code], role, ticket, arrays, length)


def decode(header: Header, body: bytes) -> tuple[dict, list[Form]]:
    """The fields and the forms of the arrays. Raises ProtocolError."""
    record, declared = _declared(header.op, header.role)
    reader = Reader(body)
    fields = record.read(reader)
    forms, start = [], 0
    for _ in range(header.arrays):
        form = _read_form(reader, start)
        forms.append(form)
        start = _after(form)
    reader.end()
    if problem := _misfit([(form.dtype, len(form.shape)) for form in forms], declared):
        raise ProtocolError(problem)
    return fields, forms


def _declared(op: str, role: int) -> tuple[Record, Arrays]:
    operation = OPERATIONS[op]
    if role == FAILURE:
        return FAILED, ()
    if role == REQUEST:
        return operation.fields, operation.arrays
    return operation.reply, operation.reply_arrays


def _misfit(arrays: list[tuple[np.dtype, int]], declared: Arrays) -> str:
    """What is wrong with arrays of these dtypes and dimensions; "" if nothing is."""
    if isinstance(declared, Several):
        if not declared.least <= len(arrays) <= declared.most:
            return f"{len(arrays)} arrays, declared are {declared.least} to {declared.most}"
        kinds = [declared.of] * len(arrays)
    else:
        if len(arrays) != len(declared):
            return f"{len(arrays)} arrays, declared are {len(declared)}"
        kinds = list(declared)
    for (dtype, ndim), kind in zip(arrays, kinds, strict=True):
        if dtype not in kind.dtypes or kind.ndim not in (None, ndim) or ndim > MAX_DIMENSIONS:
            return f"an array of {dtype} with {ndim} dimensions, declared is {_words(kind)}"
    return ""


def _words(kind: Array) -> str:
    names = " or ".join(map(str, kind.dtypes))
    return names if kind.ndim is None else f"{names} with {kind.ndim}"


def _read_form(reader: Reader, start: int) -> Form:
    code, ndim = reader.values(_FORM)
    if code >= len(DTYPES) or ndim > MAX_DIMENSIONS:
        raise ProtocolError("an array of an unknown dtype, or of too many dimensions")
    shape = reader.values(_SIZES[ndim])
    # Each by itself too: an array with no elements may not have sizes that nothing can hold.
    form = Form(DTYPES[code], shape, start)
    if max(shape, default=0) > MAX_PAYLOAD or _after(form) > MAX_PAYLOAD:
        raise ProtocolError("the arrays of a message are too large")
    return form


def _after(form: Form) -> int:
    """Where the next array begins."""
    return -(-form.end // ALIGN) * ALIGN
