"""Grade a class: a folder with a submission of each student.

    python -m grader.classroom SUBMISSIONS --out RESULTS
    python -m grader.classroom SUBMISSIONS --out RESULTS --stage 2 --rules rules.toml
    python -m grader.classroom SUBMISSIONS --out RESULTS --regrade ada       ada's again
    python -m grader.classroom SUBMISSIONS --out RESULTS --regrade speed     that check, for all
    python -m grader.classroom submitted --out RESULTS --assignment 1_gelu --gradebook gradebook.db
    python -m grader.classroom SUBMISSIONS --out RESULTS --cluster tcp://host:8786
    python -m grader.classroom SUBMISSIONS --out RESULTS --slurm slurm.toml

Interrupted or killed, the same command goes on where it stopped; but leave out --regrade, which
would begin again. docs/classroom.md says the rest.

Exit status: 0 all graded; 1 something needs a look by a person; 2 wrong usage; 3 results could not
be written; 130 interrupted.
"""

import argparse
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.progress import track

from grader import environment, own_checks
from grader.classroom import (
    ClassroomError,
    NotWritten,
    documents,
    grades,
    page,
    plan,
    policy,
    similarity,
    summary,
    work,
)
from grader.classroom.book import Entry, entries
from grader.classroom.layouts import collect
from grader.classroom.progress import Progress
from grader.classroom.store import Store
from grader.classroom.submissions import Submission
from grader.framework import REGISTRY
from grader.own_checks import OwnCheckError
from grader.report import html
from grader.results import ERROR, Result
from grader.rubric import RubricError
from mingpt.errors import DeviceError

GRADED, LOOK, USAGE, NOT_WRITTEN, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = parser().parse_args(arguments)
    console = Console(stderr=True, highlight=False)
    try:
        own_checks.load()
        return run(options, console)
    except NotWritten as error:
        console.print(f"classroom: {error}", soft_wrap=True, markup=False)
        return NOT_WRITTEN
    except (ClassroomError, RubricError, OwnCheckError, DeviceError) as error:
        console.print(f"classroom: {error}", soft_wrap=True, markup=False)
        return USAGE
    except KeyboardInterrupt:
        same = "the same command without --regrade" if options.regrade else "the same command"
        console.print(f"classroom: interrupted; {same} goes on from here")
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m grader.classroom",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("submissions", metavar="SUBMISSIONS", type=Path, help="the folder with them")
    made.add_argument(
        "--out", metavar="RESULTS", type=Path, required=True, help="where results are kept"
    )
    made.add_argument("--title", default="", help="of the assignment (default: the folder's name)")
    made.add_argument("--assignment", metavar="NAME", help="of nbgrader's, where there are several")
    made.add_argument(
        "--stage", type=int, metavar="N", help="the checks up to lab N, as grade.py's"
    )
    made.add_argument("--only", nargs="+", default=[], metavar="CHECK", help="these, as grade.py's")
    made.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto")
    made.add_argument(
        "--rules", metavar="FILE", type=Path, help="which submission counts; lateness"
    )
    made.add_argument("--roster", metavar="FILE", type=Path, help="Canvas's export, for canvas.csv")
    made.add_argument(
        "--gradebook", metavar="DB", help="nbgrader's: write the scores of its lab --assignment"
    )
    made.add_argument(
        "--regrade", nargs="+", default=[], metavar="WHO|CHECK", help="students, or checks"
    )
    where = made.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, metavar="N", help="on this machine (default: as many"
                       " as cores and memory allow)")  # fmt: skip
    where.add_argument("--cluster", metavar="ADDRESS", help="of a Dask scheduler: tcp://host:8786")
    where.add_argument("--slurm", metavar="CONFIG", type=Path, help="a TOML file for dask-jobqueue")
    made.add_argument(
        "--grader",
        metavar="COMMAND",
        default="",
        help="what grades one submission, with grade.py's arguments (default: grade.py)",
    )
    return made


def run(options: argparse.Namespace, console: Console) -> int:
    """Collect, grade what is not graded, write all files. Raises ClassroomError."""
    if options.workers is not None and options.workers < 1:
        raise ClassroomError("--workers must be at least 1")
    rules = policy.load(options.rules)
    roster = grades.read_roster(options.roster) if options.roster else []
    if unknown := set(options.only) - set(REGISTRY):
        raise ClassroomError(f"there is no check {min(unknown)!r}: {', '.join(REGISTRY)}")
    lab = lab_of(options)
    settings = plan.Settings(
        *(device_of(options), options.stage, tuple(options.only)),
        command=tuple(shlex.split(options.grader)),
    )
    if not settings.checks:
        raise ClassroomError(f"--stage {options.stage}: there are no checks up to this stage")
    collected = collect(options.submissions, options.assignment)
    apart(options.submissions, options.out)
    ids = {one.student.id for one in collected}
    if strangers := sorted(set(rules.extensions) - ids):
        told = f"--rules: nobody here is called {', '.join(strangers)}: no time is extended"
        console.print(f"classroom: {told}", soft_wrap=True, markup=False)
    store = Store(options.out)
    with store.locked():
        now = datetime.now(UTC)
        by_student = groupby(collected, key=lambda one: one.student.id)
        students = [store.remember(list(ones), now) for _, ones in by_student]
        submissions = [one for ones in students for one in ones]
        plan.set_aside(settings, store, submissions, options.regrade)
        plan.set_aside_the_rough(settings, store, submissions)
        grade_all(settings, store, submissions, options, console)
        found, _ = entries(settings, store, rules, students)
        title = options.title or options.submissions.resolve().name
        write(store, found, title, roster, console)
        if lab:
            fill(lab, found, rules, console)
    looked = [entry for entry in found if entry.needs_a_look]
    many = "1 student" if len(found) == 1 else f"{len(found)} students"
    console.print(f"{many}: {store.root / 'index.html'}", soft_wrap=True)
    for entry in looked[:20]:
        first = entry.needs_a_look.splitlines()[0]
        console.print(f"  look at {entry.student.id}: {first}", soft_wrap=True, markup=False)
    return LOOK if looked else GRADED


def apart(submissions: Path, out: Path) -> None:
    """RESULTS among the submissions would be a student at the next run. Raises ClassroomError."""
    inner = submissions / "submitted"
    folder = (inner if inner.is_dir() else submissions).resolve()
    if folder in (out.resolve(), *out.resolve().parents):
        raise ClassroomError(f"--out {out} is in {folder}, among the submissions: give another")


def lab_of(options: argparse.Namespace):
    """The gradebook.Lab of --gradebook, by which --assignment and --stage are set; None without.

    Raises ClassroomError.
    """
    if options.gradebook is None:
        return None
    from grader.classroom import gradebook  # nbgrader takes a second

    lab = gradebook.find(options.gradebook, options.assignment)
    if options.stage not in (None, lab.stage):
        raise ClassroomError(
            f"--stage {options.stage}: {lab.assignment} is graded as lab {lab.stage}; leave it out"
        )
    options.assignment, options.stage = lab.assignment, lab.stage
    return lab


def fill(lab, found: list[Entry], rules: policy.Policy, console: Console) -> None:
    """Write into the gradebook, and say what was done. Raises NotWritten."""
    from grader.classroom import gradebook

    written = gradebook.write(lab, found, late=rules.due is not None)
    console.print(f"gradebook: {lab.assignment}: scores of {len(written.students)} students")
    for why, ids in (
        ("new in it", written.new),
        ("left as they are: a person must look first", written.left),
        ("not written: an id with a comma, a quote or a slash breaks nbgrader", written.refused),
    ):
        if ids:
            console.print(f"  {why}: {', '.join(ids)}", soft_wrap=True, markup=False)


def device_of(options: argparse.Namespace) -> str:
    """cpu or cuda. What a cluster has can't be seen from here: the CPU, unless it is asked for."""
    if options.cluster or options.slurm:
        return "cuda" if options.device == "cuda" else "cpu"
    return environment.choose_device(options.device)


def grade_all(
    settings: plan.Settings,
    store: Store,
    submissions: list[Submission],
    options: argparse.Namespace,
    console: Console,
) -> None:
    """Make every grading that is not there yet."""

    def left(part: str) -> list[work.Task]:
        return plan.left(settings, store, submissions, part)

    counts = {part: len(left(part)) for part in settings.parts}
    if not any(counts.values()):
        return
    from grader.classroom import cluster, running  # Dask takes a second

    needs = cluster.needs(settings.device, settings.parts)
    if options.cluster:
        connect = partial(cluster.existing, options.cluster)
    elif options.slurm:
        connect = partial(cluster.slurm, options.slurm)
    else:
        connect = partial(cluster.local, options.workers, settings.device)
    tried: set[str] = set()  # a fault of the grader is tried again at the next run, not now
    with Progress(console, sum(counts.values())) as progress:

        def finished(task: work.Task, outcome: work.Outcome) -> None:
            result = result_of(outcome, settings)
            store.keep(task.key, result)
            tried.add(task.key)
            failed = any(check.status == ERROR for check in result.checks)
            progress.finished(task.name, outcome.seconds, failed)

        def untried(part: str) -> list[work.Task]:
            return [task for task in left(part) if task.key not in tried]

        stages = [(partial(untried, part), needs[part]) for part in settings.parts]
        running.run(connect, stages, finished, progress.tick, reconnect=bool(options.cluster))
        progress.total = progress.done  # what ended its first part is not timed


def result_of(outcome: work.Outcome, settings: plan.Settings) -> Result:
    """What a worker brought back, as a document."""
    if outcome.document:
        return documents.parsed(outcome.document)
    return documents.deadly(
        work.TRIES, outcome.problem, settings.required, settings.rubric, settings.device
    )


# Folders of RESULTS with a file for each student: how its name ends, and what makes its text.
EACH: dict[str, tuple[str, Callable[[Entry], str]]] = {
    "results": (".json", lambda one: one.result.text()),
    "reports": (".html", lambda one: html.page(one.result)),
    "gradescope": (".json", grades.gradescope_results),
}


def write(
    store: Store, found: list[Entry], title: str, roster: list[dict], console: Console
) -> None:
    """All files that are made of the gradings. Raises StoreFull."""
    show = {"console": console, "transient": True, "disable": not console.is_terminal}
    for one in track(found, "Writing the reports", **show):
        for folder, (end, make) in EACH.items():
            store.write_if_changed(store.root / folder / f"{one.student.file}{end}", make(one))
    for folder, (end, _) in EACH.items():
        store.keep_only(folder, {f"{one.student.file}{end}" for one in found})
    pairs, prints = similarity.find_pairs([entry.submission for entry in found])
    for number, pair in enumerate(pairs, 1):
        text = page.pair_page(found, prints, pair)
        store.write_if_changed(store.root / "pairs" / f"{number}.html", text)
    store.keep_only("pairs", {f"{number}.html" for number in range(1, len(pairs) + 1)})
    most = max((entry.result.max_score for entry in found), default=0)
    store.write_if_changed(store.root / "grades.csv", grades.grades(found))
    store.write_if_changed(store.root / "moodle.csv", grades.moodle(found))
    canvas = grades.canvas(found, title, most, roster)
    store.write_if_changed(store.root / "canvas.csv", canvas)
    store.write_if_changed(store.root / "class.json", summary.text(found, title, pairs))
    store.write_if_changed(store.root / "index.html", page.page(found, title, pairs))


if __name__ == "__main__":
    sys.exit(main())
