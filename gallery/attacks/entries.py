"""The attacks, and a submission made of each.

Most are a few lines that are put into solutions/: in the host function gelu, at the top of gpt.cu,
or at the end of kv_cache.py. They are bounded: where a defence fails, they print REACHED and do no
harm. What begins with @ stands for a place that the setting makes (setting.py).
"""

import importlib.util
import marshal
import os
import re
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from gallery.entries import GalleryError, submission, tomllib

HERE = Path(__file__).parent
TOPICS = (
    "channel",
    "results",
    "processes",
    "system",
    "files",
    "building",
    "reports",
    "loading",
    "rules",
)
MUST = ("failed", "passed", "less", "harmless")

INCLUDE = '#include "gpt.h"\n'
LAUNCH = "  gelu_kernel<<<(n + block - 1) / block, block, 0, stream>>>(out, in, n);\n"
TOP = """\
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>
static void tried() { fputs("TRIED\\n", stderr); }
static void reached(const char* what) { fprintf(stderr, "REACHED %s\\n", what); }
"""
ONCE = """\
  static const bool done = [&] {{
    tried();
{code}
    return true;
  }}();
  (void)done;
"""
PYTHON = """

import ctypes, os, socket, sys, time  # noqa: E401, E402

def reached(what): print("REACHED", what, file=sys.stderr, flush=True)

print("TRIED", file=sys.stderr, flush=True)
"""


@dataclass(frozen=True)
class Attack:
    """What it tries, what it is made of, and the verdict that it must get."""

    name: str
    topic: str  # the file that it is in
    tries: str  # to do what
    check: str  # that judges it
    # failed: no points; passed: all of them, and what it tries comes to nothing; less: not all;
    # harmless: whatever the points
    must: str
    says: str = ""  # a regular expression that message, hint and output match
    hides: str = ""  # one that no report matches
    also: tuple[str, ...] = ()  # other checks: they must pass
    rules: bool = False  # graded with the rules of the game, which else would stop most of them
    runs: bool = True  # its code runs; False: it must be stopped before
    namespaces: bool = False  # nothing less than bubblewrap stops it: elsewhere it is shown as open
    gelu: str = ""  # C++, run once, by gelu on the host before its launch
    top: str = ""  # C++, at the top of gpt.cu
    python: str = ""  # at the end of kv_cache.py: what is defined last counts
    compiled: str = ""  # Python in place of kv_cache.py's own, as bytecode in __pycache__
    changes: tuple[tuple[str, str, str], ...] = ()  # (file, old, new)
    files: Mapping[str, str] = field(default_factory=dict)  # by name, latin-1; "" removes one
    links: Mapping[str, str] = field(default_factory=dict)  # name: where the symlink leads
    special: Mapping[str, str] = field(default_factory=dict)  # name: fifo, folder, socket, 2000 MB
    folder: str = "submission"  # its name

    @property
    def checks(self) -> tuple[str, ...]:
        return (self.check, *self.also)

    def make(self, parent: Path, places: Mapping[str, str]) -> Path:
        """The submission, in parent/folder. places: "@SECRET@" and others, with their meaning.
        Raises GalleryError."""
        folder = submission(parent / self.folder)
        texts = {name: (folder / name).read_text() for name in ("gpt.cu", "kv_cache.py")}
        if self.gelu or self.top:
            once = ONCE.format(code=self.gelu) if self.gelu else ""
            source = _replaced(texts["gpt.cu"], INCLUDE, f"{INCLUDE}{TOP}{self.top}\n")
            texts["gpt.cu"] = _replaced(source, LAUNCH, once + LAUNCH)
        if self.python:
            texts["kv_cache.py"] += (PYTHON if not self.rules else "\n\n") + self.python
        for file, old, new in self.changes:
            texts[file] = _replaced(texts[file], old, new)
        for name, text in (texts | dict(self.files)).items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(
                _filled(text, places).encode("latin-1" if name in self.files else "utf-8")
            )
        for name in self.files:
            if not self.files[name]:
                (folder / name).unlink()
        if self.compiled:
            _forge(folder / "kv_cache.py", _filled(PYTHON + self.compiled, places))
        for name, target in self.links.items():
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(_filled(target, places))
        for name, kind in self.special.items():
            _special(folder / name, kind)
        return folder


def _replaced(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise GalleryError(f"this is there {text.count(old)} times, not once: {old!r}")
    return text.replace(old, new)


def _filled(text: str, places: Mapping[str, str]) -> str:
    for name, value in places.items():
        text = text.replace(name, value)
    return text


def _forge(source: Path, code: str) -> None:
    """Bytecode that Python would take for the source's, without a look at the source."""
    path = Path(importlib.util.cache_from_source(str(source)))
    path.parent.mkdir()
    unchecked = struct.pack("<L", 0b01) + bytes(8)
    bytecode = marshal.dumps(compile(source.read_text() + code, str(source), "exec"))
    path.write_bytes(importlib.util.MAGIC_NUMBER + unchecked + bytecode)


def _special(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    else:  # a size, of nothing
        path.touch()
        os.truncate(path, int(kind.removesuffix(" MB")) << 20)


def attacks() -> list[Attack]:
    """All of them, by topic. Raises GalleryError."""
    found = [attack for topic in TOPICS for attack in read(HERE / f"{topic}.toml")]
    names = [attack.name for attack in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise GalleryError(f"two attacks have the name {twice[0]!r}: each needs its own")
    return found


def read(path: Path) -> list[Attack]:
    """The attacks of one file. Raises GalleryError."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["attack"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise GalleryError(f"{path}: {error}") from None
    return [_attack(entry, path) for entry in entries]


def _attack(entry: dict, path: Path) -> Attack:
    where = f"{path}: {entry.get('name', 'an attack')}"
    if unknown := set(entry) - {one.name for one in fields(Attack)}:
        raise GalleryError(f"{where}: {min(unknown)} is no part of an attack")
    try:
        changes = tuple((one["file"], one["old"], one["new"]) for one in entry.get("changes", ()))
        rest = {k: v for k, v in entry.items() if k not in ("changes", "also")}
        attack = Attack(topic=path.stem, changes=changes, also=tuple(entry.get("also", ())), **rest)
        for pattern in (attack.says, attack.hides):
            re.compile(pattern)
    except (KeyError, TypeError, re.error) as error:
        raise GalleryError(f"{where}: {error}") from None
    if attack.must not in MUST:
        raise GalleryError(f"{where}: must is one of {', '.join(MUST)}")
    return attack


if sys.platform != "linux":
    raise GalleryError("The attacks are made for Linux.")
