"""Honest submissions of many kinds: none may break a rule of the game, or lose a point to one.

FUNCTION_WORDS.cu and kv_cache_WORDS.py are parts as in gallery/unusual, whose own entries count
here as well. `make` gives whole folders.
"""

import shutil
from pathlib import Path

from gallery import entries
from grader.make_starter import with_decoder
from mingpt.paths import ROOT

HERE = Path(__file__).parent
SOLUTIONS = ROOT / "solutions"
PARTS = sorted([*HERE.glob("*_*.cu"), *HERE.glob("kv_cache_*.py")])
WHOLE = ("windows", "helpers", "decoder", "shadows")


def make(folder: Path, kind: str) -> Path:
    """A whole submission of a kind in WHOLE, in `folder`."""
    entries.submission(folder)
    text = (folder / "gpt.cu").read_text("utf-8")
    if kind == "windows":  # a byte order mark, CRLF, no line end at the end
        for name in entries.FILES:
            lines = (folder / name).read_text("utf-8").rstrip("\n").replace("\n", "\r\n")
            (folder / name).write_bytes(b"\xef\xbb\xbf" + lines.encode())
    if kind == "helpers":  # headers of its own, in a folder, that include each other
        body = text.replace(
            '#include "gpt.h"', '#pragma once\n#include "sizes.h"\n#include "gpt.h"'
        )
        (folder / "src").mkdir()
        (folder / "src" / "kernels.cuh").write_text(body)
        (folder / "src" / "sizes.h").write_text('#pragma once\n#include "../common.h"\n')
        (folder / "common.h").write_text("#pragma once\n#include <cstddef>\n")
        (folder / "gpt.cu").write_text('#include "gpt.h"\n#include "src/kernels.cuh"\n')
        (folder / "notes.md").write_text("asm and <dlfcn.h>: not used\n")
    if kind == "decoder":  # of its own: labs 5 and 6
        (folder / "gpt.cu").write_text(with_decoder(text))
        for name in ("decoder.cuh", "persistent.cuh"):
            shutil.copy(SOLUTIONS / name, folder / name)
    if kind == "shadows":  # headers with names that the system has too, and a copy of gpt.h
        shutil.copy(ROOT / "mingpt" / "include" / "gpt.h", folder / "gpt.h")
        (folder / "memory.h").write_text("#pragma once\n#include <cuda_runtime.h>\n")
        (folder / "gpt.cu").write_text(
            text.replace('#include "gpt.h"', '#include "gpt.h"\n#include "memory.h"')
        )
    return folder


def part(folder: Path, path: Path) -> tuple[Path, str]:
    """A submission with that part in place of ours, and the check of it."""
    return entries.unusual_submission(folder, path)
