"""A section of a built file that says which names the user's own objects need of others.

What the linked file itself needs tells no more who needs it: the runtime inside of it (simt's, or
CUDA's) opens libraries and starts threads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from simt.compiler import TIMEOUT, run

SECTION = ".simt.needs"  # names, each with a NUL behind it


def needs_object(compiler: Sequence[str], objects: Sequence[Path | str], scratch: Path) -> Path:
    """An object with that section, to be linked together with these. Raises CompileError.

    compiler: the command that compiles C++.
    """
    names = set()
    for path in objects:
        listed = run([["nm", "--undefined-only", "--portability", str(path)]], TIMEOUT)
        names |= {_name(line) for line in listed.splitlines() if line}
    source, target = scratch / "needs.cpp", scratch / "needs.o"
    text = "".join(f"{_escaped(name)}\\0" for name in sorted(names))
    attributes = f'section("{SECTION}"), used, visibility("hidden")'
    source.write_text(f'extern __attribute__(({attributes})) const char simt_needs[] = "{text}";\n')
    run([[*compiler, "-w", "-c", str(source), "-o", str(target)]], TIMEOUT)
    return target


def _name(line: str) -> str:
    """Of "name U": a name may hold spaces. What doesn't look like that is kept as it is."""
    found = re.fullmatch(r"(.*) [Uvw]\s*[\s0-9a-f]*", line)
    return found[1] if found else line


def _escaped(name: str) -> str:
    return "".join(
        chr(byte) if re.match(rb"\w", bytes([byte])) else f"\\{byte:03o}"
        for byte in name.encode(errors="surrogateescape")
    )
