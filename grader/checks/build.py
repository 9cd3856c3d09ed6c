"""Does gpt.cu compile?"""

import time

from grader import building
from grader.client import RequestFailed
from grader.framework import Context, check
from grader.outcome import Failure, Passed


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
    with context.worker() as worker:
        try:
            limit = context.rubric.time_limit
            begun = time.monotonic()
            library = building.build(worker, context.submission, context.device, limit)
        except RequestFailed as error:
            if error.kind != "build":
                raise
            hint = "Begin with the first error: later ones are often its consequences."
            raise Failure(error.message, hint, idea="build") from error
    context.session.library = library
    return Passed(figures={"seconds": round(time.monotonic() - begun, 3)})
