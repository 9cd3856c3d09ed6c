"""lab.race and lab.profile: what simt sees when one of the student's functions runs on the CPU."""

from dataclasses import dataclass, field

from grader.checks.kernels import KERNELS
from lab.running import running
from lab.screen import screen
from lab.submission import current
from lab.trouble import Trouble, kindly


@dataclass(frozen=True)
class Look:
    """What was seen of a function. figures: {} if it could not be looked at, message says why."""

    function: str = ""
    figures: dict = field(default_factory=dict)
    message: str = ""

    def _ipython_display_(self) -> None:
        """It has been shown already."""


@kindly(otherwise=lambda message: Look(message=message))
def race(function: str) -> Look:
    """Races, accesses out of bounds, reads of what nobody wrote, of gelu, layernorm or linear.

    The function runs on the small sizes of its check; problems are shown with their lines. figures:
    clean, cases, launches, problems, kinds.
    """
    return _look("race", function)


@kindly(otherwise=lambda message: Look(message=message))
def profile(function: str) -> Look:
    """What gelu, layernorm or linear asks of memory at GPT-2's size, line by line.

    figures: case, right, sectors (of 32 bytes), wasted_sectors, sectors_per_request,
    bank_conflicts, flops, flop_per_byte.
    """
    return _look("profile", function)


def _look(how: str, function: str) -> Look:
    if function not in KERNELS:
        raise Trouble(f"There is no function {function!r} to look at: {', '.join(KERNELS)}.")
    submission = current()
    submission.file("gpt.cu")
    with screen() as out, running("lab.looker", how, submission.folder, function) as run:
        doing = "Starting"
        for event in run.events():
            match event:
                case {"event": "started", "title": title}:
                    doing = title
                case {"event": "failed", "message": message}:
                    raise Trouble(message)
                case {"event": "result", "html": html, "text": text, "figures": figures}:
                    out.show(html, text)
                    return Look(function, figures)
            out.work(doing, run.seconds)
        raise Trouble(run.errors() or "It ended without a result. Run the cell again.")
