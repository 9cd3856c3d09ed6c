"""From places in a program's code to the user's lines, by its debug information."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from simt.compiler import INCLUDE, RUNTIME

# Of binutils and LLVM, with the options that come before the binary's name.
TOOLS = {
    # "-a" puts each address before its lines, so that inlined frames can be told apart.
    "addr2line": ("-a", "-i", "-e"),
    "llvm-symbolizer": ("-a", "-i", "-e"),
    "objdump": ("-d", "-C", "--no-show-raw-insn", "-j", ".text"),
}
Run = Callable[[str, Path, str], str]  # one of them, the binary, its input -> what it says

# Who made the binary may be anybody.
MOST = 100_000  # places that are looked up; a large program has a few thousand
MOST_SAID = 64 << 20  # bytes that a tool says; of a large kernel's library it is 10 MB
PATIENCE = 60  # seconds for a tool


@dataclass(frozen=True)
class Line:
    """A line of the user's."""

    name: str  # "gpt.cu:31"
    is_own: bool  # False: code of a header of simt's or the system's, inlined there


def place(line: str) -> tuple[str, int]:
    """ "gpt.cu:31" -> ("gpt.cu", 31), to sort by; ("", 0) where no line is known."""
    file, _, number = line.rpartition(":")
    return file, int(number or 0)


def output_of(tool: str, binary: Path, given: str = "") -> str:
    """What a tool says of a binary. Raises ValueError if it takes too long, or says too much."""
    command = [tool, *TOOLS[tool], str(binary)]
    try:
        done = subprocess.run(
            command,
            input=given.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{tool} did not finish within {PATIENCE} s") from None
    if len(done.stdout) > MOST_SAID:
        raise ValueError(f"{tool} says more than {MOST_SAID >> 20} MB")
    return done.stdout.decode(errors="replace")


def lines_of(binary: Path, offsets: Iterable[int], run: Run = output_of) -> dict[int, Line]:
    """The lines of offsets from the binary's base; those with no line are left out.

    Where code was inlined, the innermost line that is the user's own. Without binutils: {}. run:
    where the tool shall run. Raises ValueError for more than MOST, and what `run` raises.
    """
    wanted = sorted(set(offsets))
    tool = next(filter(shutil.which, ("addr2line", "llvm-symbolizer")), "")
    if not wanted or not tool:
        return {}
    if len(wanted) > MOST:
        raise ValueError(f"{len(wanted)} places in the code, at most {MOST} are looked up")
    addresses = "\n".join(hex(offset) for offset in wanted)
    found: dict[int, Line] = {}
    offset, is_innermost = -1, True
    for line in run(tool, binary, addresses).splitlines():
        if line.startswith("0x") and ":" not in line:
            offset, is_innermost = int(line, 16), True
            continue
        path, _, number = line.split(" ")[0].rpartition(":")
        if offset not in found and number.isdigit() and _is_the_users(path):
            found[offset] = Line(f"{Path(path).name}:{number}", is_innermost)
        is_innermost = False
    return found


def _is_the_users(path: str) -> bool:
    """Not of simt, of the C++ library or of the system; "??" is nobody's."""
    not_theirs = (str(INCLUDE), str(RUNTIME), "/usr/include/", "?")
    return not path.startswith(not_theirs) and "/include/c++/" not in path and "/gcc/" not in path
