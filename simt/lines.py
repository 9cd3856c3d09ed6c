"""From places in a program's code to the user's lines, by its debug information."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from simt.compiler import INCLUDE, RUNTIME


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

    Where code was inlined, the innermost line that is the user's own. Without binutils: {}.
    """
    wanted = sorted(set(offsets))
    tool = shutil.which("addr2line") or shutil.which("llvm-symbolizer")
    if not wanted or not tool:
        return {}
    command = [tool, "-a", "-i", "-e", str(binary)]
    # "-a" puts each address before its lines, so that inlined frames can be told apart.
    addresses = "\n".join(hex(offset) for offset in wanted)
    done = subprocess.run(command, input=addresses, capture_output=True, text=True, check=False)
    found: dict[int, Line] = {}
    offset, is_innermost = -1, True
    for line in done.stdout.splitlines():
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
