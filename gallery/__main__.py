"""Grade the gallery of mistakes, and print what was caught and what was named.

    python -m gallery                          all
    python -m gallery --only 'linear*' kv_cache    by name, pattern or topic (also: unusual)
    python -m gallery --shard 1/3              every third
    python -m gallery --docs                   remake docs/mistakes.md

Exit status: 0 the target is met; 1 it is missed; 2 wrong usage, or an entry breaks a rule; 130
interrupted.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gallery.entries import TOPICS, GalleryError, Mistake, mistakes, unusual
from gallery.running import Entry, name_of, run, shard
from gallery.tables import Totals, page, table
from mingpt.paths import ROOT

MET, MISSED, USAGE, INTERRUPTED = 0, 1, 2, 130
PAGE = ROOT / "docs" / "mistakes.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = parser().parse_args(arguments)
    errors = Console(stderr=True)
    try:
        return grade_all(options, errors)
    except (GalleryError, OSError) as error:
        errors.print(f"gallery: {error}", soft_wrap=True, markup=False)
        return USAGE
    except KeyboardInterrupt:
        errors.print("gallery: interrupted")
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m gallery",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--only", nargs="+", metavar="NAME", help="names, patterns of names, or topics"
    )
    made.add_argument("--shard", metavar="I/N", help="the I-th of N parts")
    made.add_argument("--jobs", type=int, default=2, metavar="N", help="graded at once (default 2)")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts there")
    made.add_argument("--verbose", action="store_true", help="show every message")
    made.add_argument("--docs", action="store_true", help="remake docs/mistakes.md, and no more")
    made.add_argument("--list", action="store_true", help="list the entries")
    return made


def grade_all(options: argparse.Namespace, errors: Console) -> int:
    """Grade, show, write. Raises GalleryError."""
    entries = chosen(options)
    if options.jobs < 1:
        raise GalleryError(f"--jobs {options.jobs}: at least 1")
    if options.list:
        for entry in entries:
            print(
                f"{entry.check if isinstance(entry, Mistake) else 'unusual':<10} {name_of(entry)}"
            )
        return MET
    progress = Progress(
        TextColumn("grading"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    )
    with progress:
        task = progress.add_task("", total=len(entries))
        verdicts = run(entries, options.jobs, lambda: progress.advance(task))
    if options.docs:
        PAGE.write_text(page(list(zip(entries, verdicts, strict=True))), encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")
        return MET
    output = Console()
    output.print(table(verdicts))
    for v in verdicts:
        wrong = v.caught if v.topic == "unusual" else not (v.right_check and v.right_cause)
        if wrong or options.verbose:
            failed = [id for id, status in v.others.items() if status == "failed"]
            also = f" (failed too: {', '.join(failed)})" if failed else ""
            text = f"\n{v.name}{also}\n{v.check}: {v.message}\nHint: {v.hint}"
            output.print(text, soft_wrap=True, markup=False, highlight=False)
    totals = Totals.of(verdicts)
    print(f"\n{totals.text()}")
    if options.json:
        document = {"totals": asdict(totals), "verdicts": [asdict(v) for v in verdicts]}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return MET if totals.met else MISSED


def chosen(options: argparse.Namespace) -> list[Entry]:
    """Raises GalleryError for a name or a shard that isn't there."""
    entries: list[Entry] = [*mistakes(), *unusual()]
    if options.docs:
        entries = [e for e in entries if isinstance(e, Mistake) and e.show]
    if options.only:
        for wanted in options.only:
            if not any(fits(entry, wanted) for entry in entries):
                raise GalleryError(
                    f"nothing is called {wanted!r}; topics are {', '.join(TOPICS)} and unusual,"
                    " and --list shows the names"
                )
        entries = [entry for entry in entries if any(fits(entry, o) for o in options.only)]
    if options.shard:
        found = re.fullmatch(r"(\d+)/(\d+)", options.shard)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise GalleryError(f"--shard {options.shard}: give I/N, such as 1/3")
        entries = shard(entries, int(found[1]), int(found[2]))
    return entries


def fits(entry: Entry, wanted: str) -> bool:
    topic = entry.topic if isinstance(entry, Mistake) else "unusual"
    return wanted == topic or fnmatch(name_of(entry), wanted)


if __name__ == "__main__":
    sys.exit(main())
