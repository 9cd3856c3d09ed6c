"""Wrong outputs of gelu, layernorm and linear: what was seen, and the likeliest cause."""

from grader import evidence
from grader.diagnosis import patterns
from grader.diagnosis.cause import Cause
from grader.diagnosis.rules import RULES
from grader.kernels.cases import Case
from grader.kernels.runs import Outcome
from grader.outcome import Failure

UNKNOWN = (
    "The cause was not recognised. Work out the first wrong element by hand and compare. A check"
    " does not show what a kernel prints; a program that calls it does, as try_linear.cu in lab 3."
)


def explain(outcomes: list[Outcome]) -> Failure:
    """The outcomes of all cases that ran, at least one of them not ok -> a Failure to raise."""
    bad = [outcome for outcome in outcomes if not outcome.ok]
    counts = {"cases": len(outcomes), "failed_cases": len(bad)}
    if cause := never_written(outcomes, bad):
        return Failure(cause.text, cause.hint, counts, idea=cause.idea, evidence=error_map(bad[0]))
    cause, shown = None, bad[0]
    for rule in RULES:
        if found := rule(outcomes, bad):
            cause, shown = found
            break
    if shown.wrong.any() or shown.reversed_wrong.any():
        text, figures = patterns.summary(shown)
    else:
        text, figures = "every element of out is right, but:", {"case": shown.case.name}
    message = f"{shown.case.name}: {text}"
    if len(outcomes) > 1:
        message += f"\n{len(bad)} of {len(outcomes)} cases failed."
    message += f"\n{cause.text}" if cause else "\nCause not recognised."
    return Failure(
        *(message, cause.hint if cause else UNKNOWN, figures | counts),
        idea=cause.idea if cause else "",
        evidence=error_map(shown),
    )


def error_map(outcome: Outcome) -> dict:
    """Evidence: where the output is wrong; nothing where it is right, but something else isn't."""
    wrong = outcome.wrong if outcome.wrong.any() else outcome.reversed_wrong
    return evidence.errors(outcome.case.name, wrong) if wrong.any() else {}


def other_stream(case: Case) -> Failure:
    """It ran at once when its stream was only recording."""
    return Failure(
        f"{case.name}: every result is right, but the kernel is not launched on the stream that the"
        " function is given. (That stream was only writing down its launches here, to run them"
        " later; yours ran at once.)",
        "The fourth number in <<<blocks, threads, shared memory, stream>>> is the stream. Without"
        " it the kernel may run before what it needs is there.",
        idea="stream",
    )


def not_by_kernels(case: Case) -> Failure:
    """Its kernels only copy what the function itself has computed."""
    return Failure(
        f"{case.name}: every result is right, but kernels don't compute it. (The stream was only"
        " writing down launches here, to run them later. When they ran, other inputs were there;"
        " the result was still that of the inputs at the call.)",
        f"What {case.function} itself does with the values, it does on the CPU. Which work belongs"
        " into a kernel?",
    )


def left_behind(failure: Failure, case: str) -> Failure:
    """The same for a case that is right in a process of its own: earlier calls make it wrong."""
    text, _, _ = failure.message.partition("\nCause not recognised")
    first = text.split("\n")[0:2]
    return Failure(
        "\n".join(first)
        + f"\nBy itself, as the first call of a process, {case} is right: an earlier call leaves"
        " something behind.",
        "What outlives a call: static and global variables, memory that is allocated once? Each"
        " call may have other sizes and other pointers.",
        failure.figures,
        idea="state",
        evidence=failure.evidence,
    )


def never_written(outcomes: list[Outcome], bad: list[Outcome]) -> Cause | None:
    """A stub, or a kernel that isn't launched: no element has changed in any case."""
    if len(bad) < len(outcomes) or not all(o.unwritten.all() and not o.overruns for o in bad):
        return None
    if any(o.adds_to_out for o in bad):
        return None
    name = bad[0].case.function
    return Cause(
        f"{name} writes nothing: every element of out is as it was before the call. It is not"
        " written yet, or its kernel does not run.",
        f"If you have not written it yet: find TODO {name} in gpt.cu and follow its steps."
        " Otherwise: is the kernel launched with at least one block, and does it get past its"
        " bounds check?",
        "launch",
    )
