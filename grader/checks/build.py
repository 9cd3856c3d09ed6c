"""Does gpt.cu compile?"""

import time

from grader import building
from grader.client import RequestFailed
from grader.framework import Context, check
from grader.outcome import Failure, Passed
from grader.rules.verdict import require


@check("build")
def build(context: Context) -> Passed:
    """gpt.cu compiles"""
    if not (context.submission / "gpt.cu").is_file():
        others = sorted(path.name for path in context.submission.glob("*.[cC][uU]"))
        found = f" There is {' and '.join(others)}." if others else ""
        raise Failure(
            f"There is no gpt.cu in the submission.{found}",
            "Your kernels belong in a file of exactly that name.",
        )
    submission, limit = str(context.submission), context.rubric.time_limit
    with context.worker() as worker:
        require(context.session, worker, "inspect_sources", limit, submission=submission)
        try:
            begun = time.monotonic()
            library = building.build(worker, context.submission, context.device, limit)
        except RequestFailed as error:
            if error.kind != "build":
                raise
            hint = "Begin with the first error: later ones are often its consequences."
            raise Failure(error.message, hint, idea="build") from error
        path = worker.show(library)
        require(context.session, worker, "inspect_library", limit, path=path)
    context.session.library = library
    return Passed(figures={"seconds": round(time.monotonic() - begun, 3)})
