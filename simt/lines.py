"""From places in a program's code to the user's lines, by its debug information."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from simt.compiler import INCLUDE, RUNTIME

MOST = 100_000  # places that are looked up; a large program has a few thousand
PATIENCE = 60  # seconds for a tool: who made the binary may be anybody


@dataclass(frozen=True)
class Line:
    """A line of the user's."""

    name: str  # "gpt.cu:31"
    is_own: bool  # False: code of a header of simt's or the system's, inlined there


def place(line: str) -> tuple[str, int]:
    """ "gpt.cu:31" -> ("gpt.cu", 31), to sort by; ("", 0) where no line is known."""
    file, _, number = line.rpartition(":")
    return file, int(number or 0)


def lines_of(binary: Path, offsets: Iterable[int]) -> dict[int, Line]:
    """The lines of offsets from the binary's base; those with no line are left out.

    Where code was inlined, the innermost line that is the user's own. Without binutils: {}. Raises
    ValueError for more than MOST, or for a binary that can't be read in time.
    """
    wanted = sorted(set(offsets))
    tool = shutil.which("addr2line") or shutil.which("llvm-symbolizer")
    if not wanted or not tool:
        return {}
    if len(wanted) > MOST:
        raise ValueError(f"{len(wanted)} places in the code, at most {MOST} are looked up")
    command = [tool, "-a", "-i", "-e", str(binary)]
    # "-a" puts each address before its lines, so that inlined frames can be told apart.
    addresses = "\n".join(hex(offset) for offset in wanted)
    found: dict[int, Line] = {}
    offset, is_innermost = -1, True
    for line in output_of(command, addresses).splitlines():
        if line.startswith("0x") and ":" not in line:
            offset, is_innermost = int(line, 16), True
            continue
        path, _, number = line.split(" ")[0].rpartition(":")
        if offset not in found and number.isdigit() and _is_the_users(path):
            found[offset] = Line(f"{Path(path).name}:{number}", is_innermost)
        is_innermost = False
    return found


def output_of(command: list[str], given: str = "") -> str:
    """What a tool of binutils says. Raises ValueError if it takes too long."""
    try:
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{command[0]} did not finish within {PATIENCE} s") from None
    return done.stdout


def _is_the_users(path: str) -> bool:
    """Not of simt, of the C++ library or of the system; "??" is nobody's."""
    not_theirs = (str(INCLUDE), str(RUNTIME), "/usr/include/", "?")
    return not path.startswith(not_theirs) and "/include/c++/" not in path and "/gcc/" not in path
