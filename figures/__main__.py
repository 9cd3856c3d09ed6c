"""Writes labs/<lab>/img/<name>.svg for every picture of every module; --check only compares.

python -m figures [--check] [MODULE ...]        # a module: lab1; all of them if none is named
"""

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

import figures

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(m.name for m in pkgutil.iter_modules(figures.__path__) if m.name[:3] == "lab")


def main() -> int:
    """Exit status 1 if --check found a file that is missing or differs."""
    parser = argparse.ArgumentParser(prog="python -m figures", description="The labs' pictures.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(MODULES))
    parser.add_argument("--check", action="store_true", help="write nothing: is each file current?")
    args = parser.parse_args()
    if unknown := set(args.modules) - set(MODULES):
        parser.error(f"no module {', '.join(sorted(unknown))}: there are {', '.join(MODULES)}")

    stale = []
    for path, picture in drawn(args.modules or MODULES).items():
        if path.exists() and path.read_text(encoding="utf-8") == picture:
            continue
        stale.append(path)
        if not args.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(picture, encoding="utf-8")
    for path in stale:
        print("differs:" if args.check else "wrote", path.relative_to(ROOT))
    if args.check and stale:
        print("Remake them: make figures")
    return int(args.check and bool(stale))


def drawn(modules: list[str]) -> dict[Path, str]:
    """The pictures of some modules, by the files that they belong in."""
    found = {}
    for name in modules:
        module = importlib.import_module(f"figures.{name}")
        for picture, svg in module.pictures().items():
            found[ROOT / "labs" / module.LAB / "img" / f"{picture}.svg"] = f"{svg}\n"
    return found


if __name__ == "__main__":
    sys.exit(main())
