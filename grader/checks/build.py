"""Does gpt.cu compile?"""

from pathlib import Path

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
            reply, _ = worker.ask(
                "build",
                submission=submission,
                device=context.device,
                limit=limit,
            )
        except RequestFailed as error:
            if error.kind != "build":
                raise
            hint = "Begin with the first error: later ones are often its consequences."
            raise Failure(error.message, hint, idea="build") from error
        require(context.session, worker, "inspect_library", limit, path=str(reply.get("path")))
    context.session.library = Path(str(reply.get("path")))
    seconds = reply.get("seconds")
    return Passed(figures={"seconds": seconds} if isinstance(seconds, int | float) else {})
