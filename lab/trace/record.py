"""python -m lab.trace.record FOLDER FUNCTION NAME=SIZE ...: run a function of gpt.cu on a small
size in the grader's worker, and print the scene of what it did; or what is wrong, in its words.

Events, a line of JSON each: {"event": "doing", "what"}, then {"event": "scene", "scene", "svg",
"text"} or {"event": "failed", "message", "hint", "revisit"}.
"""

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from grader import rubric
from grader.client import RequestFailed, Worker, WorkerFailed
from grader.diagnosis.faults import explain
from grader.ideas import find
from grader.kernels import traced
from grader.kernels.cases import Case
from grader.outcome import Failure, GraderError
from lab.trace import picture, scene
from lab.trace.sizes import case
from simt.tracing import Array, Trace

LIMIT = 120.0  # seconds: a first build compiles simt's runtime too
MOST = 180_000  # numbers of a recording: the page that shows it stays below 1 MB


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the worker is ended on the way out
    folder, function, *sizes = sys.argv[1:]
    named = dict(one.split("=") for one in sizes)
    try:
        tell("scene", **record(Path(folder), case(function, {k: int(n) for k, n in named.items()})))
    except GraderError as error:
        tell("failed", message=str(error), hint="", revisit="")
    except Failure as failure:
        message = failure.message.replace(f"{folder}/", "")
        idea = find(failure.idea if failure.hint else "")
        tell("failed", message=message, hint=failure.hint, revisit=idea.where)


def tell(event: str, **fields) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def record(folder: Path, case: Case) -> dict:
    """The "scene" of one call, and its "svg" and "text". Raises Failure, in the grader's words."""
    limits = rubric.load()
    variables = {"SIMT_TIMEOUT": str(limits.loop_limit)}
    with Worker("cpu", variables, folder) as worker:
        try:
            tell("doing", what="Compiling gpt.cu")
            library = traced.build(worker, folder, "profile", LIMIT)
            tell("doing", what=f"Running {case.name}")
            limit = limits[case.function].time_limit
            traced.load(worker, library, limit)
            out, launches, buffers = traced.steps(worker, library, case, limit, MOST)
        except (RequestFailed, WorkerFailed) as error:
            raise explain(error) from error
    launches = [_named(launch, buffers) for launch in launches]
    if not launches:
        raise Failure(
            f"{case.function} launches no kernel yet: there is nothing to show.",
            "Write the kernel and its launch in gpt.cu, save it, and run this cell again.",
        )
    if not any(launch.blocks for launch in launches):
        raise Failure(
            f"The kernels of {case.function} ran, and no thread read or wrote memory.",
            "What should a thread read, and what should it write?",
        )
    is_wrong = traced.is_wrong(case, out, limits[case.function].slack)
    source = folder / "gpt.cu"
    return {
        "scene": scene.build(case, launches, buffers, source, is_wrong),
        "svg": picture.svg(case.name, launches, source),
        "text": picture.text(case.name, launches, source),
    }


def _named(launch: Trace, buffers: dict[str, int]) -> Trace:
    """The launch, with gpt.h's names for what a kernel's parameters give none."""
    known = {address: name for name, address in buffers.items()}

    def name(array: Array) -> str:
        return array.name if array.name.isidentifier() else known.get(array.start, array.name)

    arrays = [replace(array, name=name(array)) for array in launch.arrays]
    return replace(launch, arrays=arrays)


if __name__ == "__main__":
    main()
