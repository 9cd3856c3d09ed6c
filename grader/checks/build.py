"""Does gpt.cu compile?"""

import os
from pathlib import Path

from grader.client import RequestFailed
from grader.framework import Context, check
from grader.outcome import Failure, Passed
from grader.submission import check_file


@check("build")
def build(context: Context) -> Passed:
    """gpt.cu compiles"""
    if not os.path.lexists(context.submission / "gpt.cu"):
        others = sorted(path.name for path in context.submission.glob("*.[cC][uU]"))
        found = f" There is {' and '.join(others)}." if others else ""
        raise Failure(
            f"There is no gpt.cu in the submission.{found}",
            "Your kernels belong in a file of exactly that name.",
        )
    check_file(context.submission, "gpt.cu")
    with context.worker() as worker:
        try:
            reply, _ = worker.ask(
                "build",
                submission=str(context.submission),
                device=context.device,
                limit=context.rubric.time_limit,
            )
        except RequestFailed as error:
            if error.kind != "build":
                raise
            hint = "Begin with the first error: later ones are often its consequences."
            raise Failure(error.message, hint, idea="build") from error
    context.session.library = Path(str(reply.get("path")))
    seconds = reply.get("seconds")
    return Passed(figures={"seconds": seconds} if isinstance(seconds, int | float) else {})
