"""The kernel's own rules (Landlock) for a process and all that it starts: which files it may open,
no TCP, no signals and no looking into processes but its own.

Not a view of its own: names and sizes of other files can be seen, what is in them can't. Here by
system calls, for there is no C library's function for them. docs.kernel.org/userspace-api/landlock
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on all architectures
CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # the others are of folders
READ = EXECUTE | READ_FILE | READ_DIR
# How many rights to files there are with each version of the interface, from the first on.
RIGHTS = (13, 14, 15, 15, 16)
NETWORK, SCOPES = 4, 6  # the versions from which on it knows of TCP; of signals
NO_TCP = 0b11  # to bind, to connect
OWN_SCOPE = 0b11  # abstract sockets, signals


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Of the kernel's interface; 0 where it has none."""
    try:
        return max(0, _call(CREATE_RULESET, None, ctypes.c_size_t(0), CREATE_RULESET_VERSION))
    except (OSError, AttributeError):
        return 0


def restrict(
    read: Iterable[Path], write: Iterable[Path], devices: Iterable[Path], names: Iterable[Path]
) -> None:
    """From now on only these: to read and execute; to do anything in; to read, write and control;
    to list what there is.

    For this thread and those that it starts: call it before there are others. Raises OSError.
    """
    known = version()
    files = (1 << RIGHTS[min(known, len(RIGHTS)) - 1]) - 1
    rules = _Ruleset(files, NO_TCP * (known >= NETWORK), OWN_SCOPE * (known >= SCOPES))
    size = 8 * (1 + (known >= NETWORK) + (known >= SCOPES))
    ruleset = _call(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    try:
        for rights, paths in (
            (READ, read),
            (files, write),
            (READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEV, devices),
            (READ_DIR, names),
        ):
            for path in paths:
                _allow(ruleset, path, rights & files)
        _no_new_privileges()
        _call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what we can't get at, a worker can't
    try:
        rule = _Beneath(rights if os.path.isdir(path) else rights & OF_FILES, fd)
        _call(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(fd)


def _no_new_privileges() -> None:
    if ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError("no_new_privs is refused")


def _call(number: int, *arguments) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
