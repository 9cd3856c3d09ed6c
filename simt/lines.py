"""From places in a program's code to the user's lines, by its debug information."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from simt.compiler import INCLUDE, RUNTIME


def lines_of(binary: Path, offsets: Iterable[int]) -> dict[int, str]:
    """{offset: "gpt.cu:31"} of offsets from the binary's base; those with no line are left out.

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
    text = done.stdout
    found: dict[int, str] = {}
    offset = -1
    for line in text.splitlines():
        if line.startswith("0x") and ":" not in line:
            offset = int(line, 16)
            continue
        place = line.split(" ")[0]
        path, _, number = place.rpartition(":")
        ours = path.startswith((str(INCLUDE), str(RUNTIME)))
        if offset not in found and not ours and number.isdigit() and not path.startswith("?"):
            found[offset] = f"{Path(path).name}:{number}"
    return found
