"""Messages over a private socket, with deadlines, and their arrays in shared memory."""

import select
import socket
import time

from grader.protocol.errors import ChannelClosed, ProtocolError
from grader.protocol.frames import HEADER, REQUEST, Message, decode, decode_header, encode
from grader.protocol.memory import Memory

CHUNK = 1 << 16  # bytes that are read at once


class Channel:
    """One side of it. Deadlines are on time.monotonic()'s clock; None waits for ever."""

    def __init__(self, connection: socket.socket, memory: Memory):
        connection.setblocking(False)  # who doesn't read or write can't stop us
        self._connection, self._memory = connection, memory

    def send(self, message: Message, deadline: float | None = None) -> None:
        """Raises Unsendable, ChannelClosed or TimeoutError."""
        frame, forms = encode(message)
        for array, form in zip(message.arrays, forms, strict=True):
            self._memory.write(array, form)
        rest = memoryview(frame)
        while rest:
            try:
                rest = rest[self._connection.send(rest) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
            except OSError:
                raise ChannelClosed from None

    def receive(self, deadline: float | None = None, answer_to: Message | None = None) -> Message:
        """The next message: a request, or the reply to `answer_to` and no other.

        Raises ProtocolError, ChannelClosed or TimeoutError.
        """
        header = decode_header(self._read(HEADER.size, deadline))
        if answer_to is None and header.role != REQUEST:
            raise ProtocolError("a reply, where nothing was asked")
        if answer_to is not None and (
            header.role == REQUEST or (header.op, header.ticket) != (answer_to.op, answer_to.ticket)
        ):
            raise ProtocolError("not the reply to what was asked")
        fields, forms = decode(header, self._read(header.length, deadline))
        arrays = [self._memory.read(form) for form in forms]
        return Message(header.op, fields, arrays, header.role, header.ticket)

    def close(self) -> None:
        """Hang up; a second call does nothing."""
        self._connection.close()
        self._memory.close()

    def _read(self, size: int, deadline: float | None) -> bytearray:
        data = bytearray()  # grows as bytes arrive: a length alone allocates nothing
        while len(data) < size:
            self._wait(select.POLLIN, deadline)
            try:
                chunk = self._connection.recv(min(CHUNK, size - len(data)))
            except BlockingIOError:
                continue
            except OSError:
                chunk = b""
            if not chunk:
                raise ChannelClosed
            data += chunk
        return data

    def _wait(self, event: int, deadline: float | None) -> None:
        poll = select.poll()
        poll.register(self._connection, event)
        if deadline is None:
            poll.poll()
            return
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not poll.poll(remaining * 1000):
            raise TimeoutError


def pair() -> tuple[Channel, tuple[int, int]]:
    """The grader's side, and the file descriptors of the other: a socket, which the caller closes
    once the worker has it, and the shared memory, which close() does. Raises OSError."""
    memory = Memory.create()
    try:
        ours, theirs = socket.socketpair()
    except OSError:
        memory.close()
        raise
    return Channel(ours, memory), (theirs.detach(), memory.fd)


def open_channel(socket_fd: int, memory_fd: int) -> Channel:
    """The worker's side of that pair. Raises OSError."""
    return Channel(socket.socket(fileno=socket_fd), Memory(memory_fd, mapped=True))
