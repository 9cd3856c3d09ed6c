"""The memory that grader and worker share: the bytes of arrays.

The grader makes it and never maps it: it writes and reads by system calls, which can fail but not
crash. (A mapped file kills who touches what another has cut off.) It is sealed as well: nobody can
change its size. A worker maps it, for a limit on the size of its files would hold for writing to
this one too.
"""

import mmap
import os
import tempfile

import numpy as np

from grader.protocol.errors import ProtocolError
from grader.protocol.frames import MAX_PAYLOAD, Form


class Memory:
    """MAX_PAYLOAD bytes behind a file descriptor. They take room only once they are written."""

    def __init__(self, fd: int, mapped: bool = False):
        """mapped: write through a mapping. Raises OSError."""
        self.fd = fd
        self._map = mmap.mmap(fd, MAX_PAYLOAD) if mapped else None

    @classmethod
    def create(cls) -> "Memory":
        """Fresh memory, full of zeros; its file descriptor is inheritable by name only."""
        if not hasattr(os, "memfd_create"):  # macOS: a file without a name, which can't be sealed
            with tempfile.TemporaryFile() as file:
                fd = os.dup(file.fileno())
            os.ftruncate(fd, MAX_PAYLOAD)
            return cls(fd)
        import fcntl

        fd = os.memfd_create("arrays", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, MAX_PAYLOAD)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        return cls(fd)

    def write(self, array: np.ndarray, form: Form) -> None:
        """Put an array at its place."""
        if self._map is not None:
            room = np.frombuffer(self._map, np.uint8, form.size, form.start)
            room.view(form.dtype).reshape(form.shape)[...] = array
            return
        rest, at = memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8)), form.start
        while rest:
            done = os.pwrite(self.fd, rest, at)
            rest, at = rest[done:], at + done

    def read(self, form: Form) -> np.ndarray:
        """A copy of the array, made once and then checked. Raises ProtocolError."""
        data = np.empty(form.size, np.uint8)
        rest, at = memoryview(data), form.start
        while rest:
            done = os.preadv(self.fd, [rest], at)
            if not done:
                raise ProtocolError("the memory of an array has been cut off")
            rest, at = rest[done:], at + done
        if form.dtype == np.bool_ and data.size and data.max() > 1:
            raise ProtocolError("a bool is neither 0 nor 1")
        return data.view(form.dtype).reshape(form.shape)

    def close(self) -> None:
        """Give it back; a second call does nothing."""
        if self._map is not None:
            self._map.close()
            self._map = None
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1
