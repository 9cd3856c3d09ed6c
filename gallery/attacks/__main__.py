"""Attack the grader, and print what came of it.

    python -m gallery.attacks                      all
    python -m gallery.attacks 'exit*' processes    by name, pattern or topic
    python -m gallery.attacks --quick              those that matter most
    python -m gallery.attacks --docs               remake the table in gallery/attacks/README.md

Each attack is a submission, graded in a process of its own. Then nothing of it may live on, no file
outside may have changed, no secret may have been read, and a clean submission graded next must get
what it always gets.

Exit status: 0 all is right; 1 something is not; 2 wrong usage; 130 interrupted.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gallery.attacks import tables
from gallery.attacks.entries import TOPICS, Attack, attacks
from gallery.attacks.setting import private_cache
from gallery.attacks.verdict import judge
from gallery.entries import GalleryError
from gallery.running import run
from mingpt.paths import ROOT

RIGHT, WRONG, USAGE, INTERRUPTED = 0, 1, 2, 130
QUICK = (  # one of each kind, and none that waits for a limit
    "exit(0)",
    "noise on every descriptor",
    "a daemon",
    "SIGKILL to the parent",
    "limits raised again",
    "the cache poisoned",
    "gpt.cu is a link to a classmate's",
    "HTML printed",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = parser().parse_args(arguments)
    errors = Console(stderr=True)
    try:
        return attack_all(options, errors)
    except (GalleryError, OSError) as error:
        errors.print(f"attacks: {error}", soft_wrap=True, markup=False)
        return USAGE
    except KeyboardInterrupt:
        errors.print("attacks: interrupted")
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m gallery.attacks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "names", nargs="*", metavar="NAME", help="names, patterns of names, or topics"
    )
    made.add_argument("--quick", action="store_true", help="those that matter most")
    made.add_argument("--list", action="store_true", help="list them, and what each tries")
    made.add_argument("--jobs", type=int, default=1, metavar="N", help="graded at once (default 1)")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts there")
    made.add_argument("--verbose", action="store_true", help="show every message")
    made.add_argument("--docs", action="store_true", help="remake README.md's table, and no more")
    return made


def attack_all(options: argparse.Namespace, errors: Console) -> int:
    """Grade, show, write. Raises GalleryError."""
    if options.docs:
        tables.PAGE.write_text(tables.page(attacks()), encoding="utf-8")
        print(f"wrote {tables.PAGE.relative_to(ROOT)}")
        return RIGHT
    chosen = choose([*options.names, *(QUICK if options.quick else ())])
    if options.jobs < 1:
        raise GalleryError(f"--jobs {options.jobs}: at least 1")
    if options.list:
        print(tables.listed(chosen))
        return RIGHT
    progress = Progress(
        TextColumn("attacking"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    )
    with private_cache() as cache, progress:
        task = progress.add_task("", total=len(chosen))
        judged = partial(judge, cache=cache)
        verdicts = run(chosen, options.jobs, lambda: progress.advance(task), judged)
    output = Console()
    output.print(tables.table(verdicts))
    for verdict in verdicts:
        if verdict.wrong or options.verbose:
            output.print(tables.details(verdict), soft_wrap=True, markup=False, highlight=False)
    print(f"\n{tables.totals(verdicts)}")
    if options.json:
        document = [asdict(verdict) for verdict in verdicts]
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return RIGHT if all(verdict.right for verdict in verdicts) else WRONG


def choose(names: Sequence[str]) -> list[Attack]:
    """Those with these names; all of them without. Raises GalleryError for one that isn't there."""
    found = attacks()
    for wanted in names:
        if not any(fits(attack, wanted) for attack in found):
            raise GalleryError(
                f"nothing is called {wanted!r}; topics are {', '.join(TOPICS)}, and --list shows"
                " the names"
            )
    return [a for a in found if not names or any(fits(a, wanted) for wanted in names)]


def fits(attack: Attack, wanted: str) -> bool:
    return wanted in (attack.topic, attack.name) or fnmatch(attack.name, wanted)


if __name__ == "__main__":
    sys.exit(main())
