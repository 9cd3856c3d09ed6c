"""The kinds of values that a message can have, each with its bounds: little-endian, no padding.

A kind writes a value of its own (Unsendable for another) and reads one back (ProtocolError for
anything else). Reading takes memory in the measure of the bytes that are there, whatever they say.
"""

import math
import os
import struct
from dataclasses import dataclass
from operator import index
from typing import Any, Protocol

from grader.protocol.errors import ProtocolError, Unsendable

_I64, _F64 = struct.Struct("<q"), struct.Struct("<d")
_U32, _U8 = struct.Struct("<I"), struct.Struct("<B")


class Reader:
    """Takes values off the front of some bytes."""

    def __init__(self, data: bytes):
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        at = self._advance(size)
        return bytes(self._data[at : at + size])

    def values(self, form: struct.Struct) -> tuple:
        """The next values, as a form has them."""
        return form.unpack_from(self._data, self._advance(form.size))

    def value(self, form: struct.Struct) -> Any:
        """That of a form with one."""
        return self.values(form)[0]

    def _advance(self, size: int) -> int:
        """Where the next `size` bytes begin."""
        at, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise ProtocolError("a message is shorter than what it declares")
        return at

    def end(self) -> None:
        """Raises ProtocolError if something is left."""
        if self._at != len(self._data):
            raise ProtocolError("a message is longer than what it declares")


class Kind(Protocol):
    def write(self, value: Any, out: bytearray) -> None: ...
    def read(self, reader: Reader) -> Any: ...


@dataclass(frozen=True)
class Int:
    """A whole number from least to most."""

    least: int = -(1 << 63)
    most: int = (1 << 63) - 1

    def write(self, value: Any, out: bytearray) -> None:
        try:
            number = index(value)  # numpy's too
        except TypeError:
            raise Unsendable(f"{type(value).__name__} where a whole number belongs") from None
        if not self.least <= number <= self.most:
            raise Unsendable(f"{_short(number)} is not in {self.least} to {self.most}")
        out += _I64.pack(number)

    def read(self, reader: Reader) -> int:
        number = reader.value(_I64)
        if not self.least <= number <= self.most:
            raise ProtocolError(f"{number} is not in {self.least} to {self.most}")
        return number


@dataclass(frozen=True)
class Float:
    """A finite number from least to most."""

    least: float = -math.inf
    most: float = math.inf

    def _fits(self, number: float) -> bool:
        return math.isfinite(number) and self.least <= number <= self.most

    def write(self, value: Any, out: bytearray) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unsendable(f"{type(value).__name__} where a number belongs")
        if not self._fits(value):
            raise Unsendable(f"{_short(value)} is not a number from {self.least} to {self.most}")
        out += _F64.pack(value)

    def read(self, reader: Reader) -> float:
        number = reader.value(_F64)
        if not self._fits(number):
            raise ProtocolError(f"{number} is not a number from {self.least} to {self.most}")
        return number


@dataclass(frozen=True)
class Bool:
    """True or false: a byte."""

    def write(self, value: Any, out: bytearray) -> None:
        if not isinstance(value, bool):
            raise Unsendable(f"{type(value).__name__} where true or false belongs")
        out.append(value)

    def read(self, reader: Reader) -> bool:
        value = reader.value(_U8)
        if value > 1:
            raise ProtocolError("a bool is neither 0 nor 1")
        return value == 1


@dataclass(frozen=True)
class Text:
    """A text of at most so many bytes of UTF-8. A longer one is cut when it is sent."""

    most: int

    def write(self, value: Any, out: bytearray) -> None:
        if not isinstance(value, str):
            raise Unsendable(f"{type(value).__name__} where a text belongs")
        # Half a character at the cut goes, and so does half a pair (a file's name may have one).
        data = value[: self.most].encode("utf-8", "replace")[: self.most]
        data = data.decode("utf-8", "ignore").encode()
        out += _U32.pack(len(data)) + data

    def read(self, reader: Reader) -> str:
        try:
            return _sized(reader, self.most).decode("utf-8")
        except UnicodeDecodeError:
            raise ProtocolError("a text is not UTF-8") from None


@dataclass(frozen=True)
class FilePath:
    """A path, of any bytes but 0: str."""

    most: int = 4096  # PATH_MAX

    def write(self, value: Any, out: bytearray) -> None:
        data = os.fsencode(value)
        if len(data) > self.most or b"\0" in data:
            raise Unsendable("this is no path of a file")
        out += _U32.pack(len(data)) + data

    def read(self, reader: Reader) -> str:
        data = _sized(reader, self.most)
        if b"\0" in data:
            raise ProtocolError("a path has a byte 0")
        return os.fsdecode(data)


class OneOf:
    """One of some texts: a byte, its number."""

    def __init__(self, *texts: str):
        self.texts = texts

    def write(self, value: Any, out: bytearray) -> None:
        if value not in self.texts:
            raise Unsendable(f"{_short(value)} is none of {', '.join(self.texts)}")
        out.append(self.texts.index(value))

    def read(self, reader: Reader) -> str:
        number = reader.value(_U8)
        if number >= len(self.texts):
            raise ProtocolError(f"there is no choice {number} of {len(self.texts)}")
        return self.texts[number]


@dataclass(frozen=True)
class Many:
    """A list of at most `most` values of one kind."""

    of: Kind
    most: int

    def write(self, value: Any, out: bytearray) -> None:
        if not isinstance(value, list | tuple) or len(value) > self.most:
            raise Unsendable(f"{_short(value)} is no list of at most {self.most}")
        out += _U32.pack(len(value))
        for item in value:
            self.of.write(item, out)

    def read(self, reader: Reader) -> list:
        count = reader.value(_U32)
        if count > self.most:
            raise ProtocolError(f"a list of {count}, at most {self.most} are allowed")
        return [self.of.read(reader) for _ in range(count)]


@dataclass(frozen=True)
class Maybe:
    """A value of a kind, or None: a byte that says which."""

    of: Kind

    def write(self, value: Any, out: bytearray) -> None:
        out.append(value is not None)
        if value is not None:
            self.of.write(value, out)

    def read(self, reader: Reader) -> Any:
        return self.of.read(reader) if Bool().read(reader) else None


class Record:
    """Named values, each of a kind of its own: a dict with exactly these names, in this order."""

    def __init__(self, **kinds: Kind):
        self.kinds = kinds

    def write(self, value: Any, out: bytearray) -> None:
        if not isinstance(value, dict) or value.keys() != self.kinds.keys():
            names = ", ".join(map(str, value)) if isinstance(value, dict) else _short(value)
            raise Unsendable(f"{names or 'nothing'}, where {', '.join(self.kinds)} is declared")
        for name, kind in self.kinds.items():
            try:
                kind.write(value[name], out)
            except Unsendable as error:
                raise Unsendable(f"{name}: {error}") from None

    def read(self, reader: Reader) -> dict:
        found = {}
        for name, kind in self.kinds.items():
            try:
                found[name] = kind.read(reader)
            except ProtocolError as error:
                raise ProtocolError(f"{name}: {error}") from None
        return found


def _sized(reader: Reader, most: int) -> bytes:
    size = reader.value(_U32)
    if size > most:
        raise ProtocolError(f"a text of {size} bytes, at most {most} are allowed")
    return reader.take(size)


def _short(value: object) -> str:
    large = isinstance(value, int) and abs(value) >= 1 << 100
    return "this number" if large else repr(value)[:40]
