"""python -m lab.looker race|profile FOLDER FUNCTION: one of a submission's functions under simt.

For lab.looking, which shows it: prints an event for what is being done, and one with the result.
The submission's code runs in the grader's workers.
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from grader import rubric
from grader.checks import memory, traffic
from grader.framework import REGISTRY, Context, Session
from grader.kernels import traced
from grader.kernels.cases import gpt2_case
from grader.kernels.traffic import traffic as sum_up
from grader.outcome import Failure, GraderError
from lab import page
from lab.screen import plain_console
from simt.compiler import CompileError
from simt.lines import place
from simt.listing import Sources
from simt.profiling import Kernel, read_profiles
from simt.profiling.annotation import LineCounts, annotate
from simt.profiling.findings import explain, findings
from simt.profiling.pictures import access_picture, bank_picture, roofline_picture
from simt.profiling.roofline import DEFAULT_GPU, roofline
from simt.profiling.text import as_text, shape
from simt.report import Report, ranked
from simt.report_text import print_reports, quoted

MOST = 3  # pictures of a kernel's requests
NOTHING = "{} launches no kernel: there is nothing to look at yet."


def main() -> None:
    what, folder, function = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    look = {"race": race, "profile": profile}[what]
    session = Session(
        folder, "cpu", rubric.load(), int.from_bytes(os.urandom(8), "little"), stage=None
    )
    tell(event="started", title=f"{function} is built and run on the CPU, watched by simt")
    try:
        tell(event="result", **look(session, folder, function))
    except GraderError as error:
        tell(event="failed", message=f"{error}")
    except Failure as failure:
        tell(event="failed", message=f"{failure.message}\n{failure.hint}".strip())
    finally:
        session.close()


def tell(**event) -> None:
    print(json.dumps(event), flush=True)


# ---------------------------------------------------------------------- races and stray accesses


def race(session: Session, folder: Path, function: str) -> dict:
    """All small cases of the function's check. Raises Failure when gpt.cu does not compile."""
    context = Context(session, REGISTRY["memory"])
    found = memory.look_at(context, memory.build(context), function)
    cases = {key(report): case for case, report in found.reports}
    reports = ranked(named(report) for _, report in found.reports)
    sources, console = sources_of(folder), plain_console()
    if found.launches or reports:
        print_reports(reports, sources, console)
    failure = found.failure.message if found.failure else ""
    if not (found.launches or reports or failure):
        failure = NOTHING.format(function)
    text = "\n".join(filter(None, [console.file.getvalue().rstrip(), failure]))
    clean = bool(found.launches) and not reports and not failure
    html = page.render(
        "race.html",
        function=function,
        cases=found.cases,
        clean=clean,
        failure=failure,
        kinds=by_kind([(cases[key(one)], one, *lines_of(one, sources)) for one in reports]),
    )
    figures = {
        "clean": clean,
        "cases": found.cases,
        "launches": found.launches,
        "problems": len(reports),
        "kinds": sorted({report.kind for report in reports}),
    }
    return {"html": html, "text": text, "figures": figures}


def named(report: Report) -> Report:
    """With the student's file as it is named: gpt.cu."""
    return replace(report, file=Path(report.file).name)


def key(report: Report) -> tuple:
    return report.kind, report.at, report.message


def by_kind(seen: list[tuple]) -> list[list[tuple]]:
    """(case, report, ...) by the reports' kinds."""
    kinds: dict[str, list[tuple]] = {}
    for one in seen:
        kinds.setdefault(one[1].kind, []).append(one)
    return list(kinds.values())


def lines_of(report: Report, sources: Sources) -> tuple[list[str], list[tuple[str, str, str]]]:
    """What is said of no line; and (line, its code, what is said of it)."""
    others, lines = quoted(report, sources)
    in_order = sorted(lines, key=place)
    return others, [(line, sources.text(line), lines[line]) for line in in_order]


def sources_of(folder: Path) -> Sources:
    try:
        return Sources([folder / "gpt.cu"])
    except CompileError as error:
        raise Failure(str(error)) from None


# ---------------------------------------------------------------------- what it asks of memory


def profile(session: Session, folder: Path, function: str) -> dict:
    """One call at GPT-2's size. Raises Failure when gpt.cu does not compile or the call fails."""
    context = Context(session, REGISTRY["traffic"])
    case, limit = gpt2_case(function, context.rng), context.rubric.time_limit
    with context.worker(device="cpu", variables=traffic.VARIABLES) as worker:
        library = traced.build(worker, folder, "profile", limit)
        traced.load(worker, library, limit)
        out, said = traced.run(worker, "profiled", case, limit)
        try:
            kernels = read_profiles(said, library, arithmetic=True, run=traced.tools(worker, limit))
        except ValueError:
            raise Failure("What came back as simt's counts can't be read.") from None
    if not kernels:
        raise Failure(NOTHING.format(function))
    wrong = traced.is_wrong(case, out, session.rubric[function].slack)
    sources, counts = sources_of(folder), sum_up(kernels)
    note = "The result of this call is wrong; what is counted may change with it." if wrong else ""
    title = f"{case.name}, a layer of GPT-2 (124M) with 64 tokens"
    html = page.render(
        "profile.html",
        title=title,
        note=note,
        kernels=[view(kernel, sources) for kernel in kernels],
    )
    text = "\n".join(filter(None, [title, note, "", as_text(kernels, sources, DEFAULT_GPU)]))
    requests = sum(kernel.total("global").requests * kernel.scale for kernel in kernels)
    figures = {
        "case": case.name,
        "right": not wrong,
        "sectors": counts.sectors,
        "wasted_sectors": counts.wasted,
        "sectors_per_request": counts.sectors / requests if requests else 0.0,
        "bank_conflicts": counts.extra_passes,
        "flops": counts.flops,
        "flop_per_byte": counts.flops / (32 * counts.sectors) if counts.sectors else 0.0,
    }
    return {"html": html, "text": text.rstrip(), "figures": figures}


def view(kernel: Kernel, sources: Sources) -> dict:
    """What the template shows of a kernel."""
    line = roofline(kernel, DEFAULT_GPU)
    costly = sorted(kernel.accesses, key=lambda a: -(a.sectors / 4 + a.wavefronts))[:MOST]
    pictures = [
        (
            f"{access.line}: {access.op}s {access.array}",
            bank_picture(access) if access.space == "shared" else access_picture(access),
        )
        for access in costly
    ]
    return {
        "name": kernel.name,
        "launch": f"<<<{shape(kernel.grid)}, {shape(kernel.block)}>>>",
        "traced": "" if kernel.scale == 1 else f"{kernel.traced_blocks} of {kernel.blocks:,}",
        "findings": findings(kernel, DEFAULT_GPU)[:-1],  # the last is the roofline's
        "lines": [
            row(name, counts, sources)
            for name, counts in annotate(kernel).items()
            if counts.accesses or counts.flops
        ],
        "pictures": [(words, picture) for words, picture in pictures if picture],
        "roofline": line and {"words": explain(line), "picture": roofline_picture(line)},
    }


def row(line: str, counts: LineCounts, sources: Sources) -> dict:
    """A line of the source with its counts, as text; "" for what it does not have."""

    def number(value: float | None, form: str) -> str:
        return "" if not value else format(value, form)

    return {
        "line": str(place(line)[1] or ""),
        "code": sources.text(line).strip(),
        "requests": number(counts.requests, ",.0f"),
        "sectors": number(counts.sectors_per_request, ".3g"),
        "needed": number(counts.needed, ".0%"),
        "conflict": number(counts.conflict, ".3g"),
        "flops": number(counts.flops, ",.0f"),
        "bad": (counts.needed or 1) < 0.8 or (counts.conflict or 1) > 1.2,
    }


if __name__ == "__main__":
    main()
