"""The grader's side of the rules: ask a worker, and say what is broken."""

from pathlib import Path

from grader.client import printable
from grader.outcome import Failure
from mingpt.paths import ROOT

HINTS = {
    "includes": (
        "gpt.cu stands on the CUDA runtime (cuda_runtime.h, cooperative_groups.h, ...),"
        " the C and C++ standard library, gpt.h and decoder.h, and headers of your own in its"
        " folder. docs/grading.md has the rules."
    ),
    "assembly": (
        "Write it in CUDA C++: intrinsics (__fmaf_rn, __ldg, __shfl_sync), nvcuda::wmma and"
        " cuda::pipeline do what PTX is mostly used for. An instructor can allow assembly in the"
        " rubric ([rules] inline_assembly)."
    ),
    "symbols": (
        "Take the call out. gpt.cu may call the CUDA runtime, math, and of the C and C++ library"
        " what neither opens, starts nor loads anything. docs/grading.md has the rules."
    ),
    "python": (
        "kv_cache.py needs torch's tensors and little else: it allocates, writes, slices, and calls"
        " model.next_logits. Take out what the line names. docs/grading.md has the rules."
    ),
}


def require(session, worker, op: str, limit: float, **fields) -> None:
    """Ask `worker`, in which nothing of the submission has run yet. Raises Failure for a submission
    that breaks a rule.

    op: inspect_sources, inspect_library or inspect_python; fields: what it takes besides what the
    rubric allows.
    """
    if not session.rubric.rules["enabled"] or is_ours(session.submission):
        return
    names = {"inspect_sources": ("inline_assembly",), "inspect_library": ()}.get(
        op, ("torch_compile", "fused_attention")
    )
    allowed = {name: session.rubric.rules[name] for name in names}
    reply, _ = worker.ask(op, limit=limit, **fields, **allowed)
    if rule := reply["rule"]:
        message = f"A rule of the game is broken ({rule}).\n{printable(reply['broken'])}"
        raise Failure(message, HINTS[rule], {"rule": rule})


def is_ours(submission: Path) -> bool:
    """Whether it is one of the ladder's rungs: they share files, and some have assembly."""
    return ROOT / "solutions" / "ladder" in submission.resolve().parents
