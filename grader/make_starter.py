"""Makes starter/ from solutions/: `python -m grader.make_starter` (`--check` only compares).

In solutions/, the lines between `/// BEGIN SOLUTION` and `/// END SOLUTION` (`###` in Python) are
what students write. starter/ has nothing in their place but the lines among them that begin with
`//|` (`#|`), uncommented: a stub, so that the file still compiles and runs.
"""

import argparse
import sys
from pathlib import Path

from grader import starters

ROOT = Path(__file__).resolve().parent.parent
# What a submission consists of, and the lab from which on each file belongs to it.
FILES = {"gpt.cu": 0, "kv_cache.py": 0, "decoder.cuh": 5, "persistent.cuh": 6}
LAST = max(FILES.values())
WITHOUT_DECODER, WITH_DECODER = '\n// #include "decoder.cuh"\n', '\n#include "decoder.cuh"\n'


class MarkerError(ValueError):
    """A BEGIN without its END, or the reverse: says the line."""


def strip(text: str) -> str:
    """The starter's version of a source text. Raises MarkerError when the markers don't pair."""
    out: list[str] = []
    begun = 0  # line of the open BEGIN, 0 outside
    for number, line in enumerate(text.splitlines(), 1):
        word = line.strip()
        if word in ("/// BEGIN SOLUTION", "### BEGIN SOLUTION"):
            if begun:
                raise MarkerError(f"line {number}: BEGIN SOLUTION inside that of line {begun}")
            begun = number
        elif word in ("/// END SOLUTION", "### END SOLUTION"):
            if not begun:
                raise MarkerError(f"line {number}: END SOLUTION without a BEGIN")
            begun = 0
        elif not begun:
            out.append(line)
        elif word.startswith(("//| ", "#| ")):
            indent = line[: len(line) - len(line.lstrip())]
            out.append(indent + word.split("| ", 1)[1])
    if begun:
        raise MarkerError(f"line {begun}: BEGIN SOLUTION without an END")
    return "\n".join(out) + "\n"


def files(stage: int = LAST) -> list[str]:
    """The names of the files of a submission at this lab."""
    return [name for name, first in FILES.items() if first <= stage]


def starter_files(solutions: Path, stage: int = LAST) -> dict[str, str]:
    """Name and text of each file of the starter."""
    return {name: strip((solutions / name).read_text()) for name in files(stage)}


def solution_files(solutions: Path, stage: int) -> dict[str, str]:
    """Name and text of each file as it is when this lab is done: gpt.cu includes decoder.cuh as
    soon as there is one."""
    texts = {name: (solutions / name).read_text() for name in files(stage)}
    if "decoder.cuh" in texts:
        texts["gpt.cu"] = with_decoder(texts["gpt.cu"])
    return texts


def with_decoder(gpt: str) -> str:
    """The text of gpt.cu with its last line, which includes decoder.cuh, uncommented: labs 5, 6."""
    if WITHOUT_DECODER not in gpt:
        raise MarkerError("gpt.cu has no commented line that includes decoder.cuh")
    return gpt.replace(WITHOUT_DECODER, WITH_DECODER)


def keep(path: Path) -> Path | None:
    """Move a file that is there already to the first free name.bak1, name.bak2, ...: it may hold
    somebody's work."""
    if not path.exists():
        return None
    number = 1
    while (backup := path.with_name(f"{path.name}.bak{number}")).exists():
        number += 1
    return path.rename(backup)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where they differ")
    args = parser.parse_args()
    try:
        files = starter_files(ROOT / "solutions")
    except (OSError, MarkerError) as e:
        print(f"solutions/: {e}", file=sys.stderr)
        return 2
    starter = ROOT / "starter"
    stale = [
        name
        for name, text in files.items()
        if not (starter / name).exists() or (starter / name).read_text() != text
    ]
    if args.check:
        for name in stale:
            print(f"starter/{name} is not what solutions/{name} gives: make starter")
        for name in (new := starters.unknown(files)):
            print(f"grader/starters.json does not know this starter/{name}: make starter")
        return 1 if stale or new else 0
    starters.remember(files)
    starter.mkdir(exist_ok=True)
    for name in stale:
        kept = keep(starter / name)
        (starter / name).write_text(files[name])
        print(f"wrote starter/{name}" + (f"; what was there is now {kept.name}" if kept else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
