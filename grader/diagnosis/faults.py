"""Crashes, hangs, exceptions, and what simt reports of a kernel that could not go on."""

from grader.client import RequestFailed, WorkerDied, WorkerFailed, WorkerTimeout
from grader.outcome import Failure
from simt.report import Report


def explain(error: RequestFailed | WorkerFailed) -> Failure:
    """A failed request as a Failure to raise."""
    if isinstance(error, RequestFailed):
        return request_failed(error)
    if isinstance(error, WorkerTimeout):
        return Failure(
            _sentence(error),
            "Look for a loop that never ends, or for far too much work. (With --device cpu the line"
            " of an endless loop is named.)",
            {"seconds": error.seconds},
        )
    if isinstance(error, WorkerDied):
        if error.signal == "SIGSEGV":
            hint = "A bad pointer or index: check each index against the size of what it indexes."
        elif error.signal:
            hint = "Memory that was overwritten, or too much of it, ends a process like this."
        else:
            hint = "Your code must return; it must not end the process."
        return Failure(_sentence(error), hint)
    return Failure(_sentence(error))


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:] + "."


def request_failed(error: RequestFailed) -> Failure:
    """By the kind of error: see worker/errors.py."""
    if error.kind == "kernel":
        return kernel_fault(error)
    if error.kind == "exit":
        return Failure(
            "Your code called exit().", "Let functions return; the caller goes on." + _at(error)
        )
    if error.kind == "logits":
        return Failure(error.message, "-2 in new_ids says that. Which step makes them so?")
    if error.kind in ("build", "submission"):
        hint = "Compare your function with its declaration in mingpt/include/gpt.h."
        missing = "function" in error.message and error.kind == "build"
        return Failure(error.message, hint if missing else "", idea="abi" if missing else "")
    text = error.type + (f": {error.message}" if error.message else "")
    return Failure(
        f"{text}{_at(error)}", "The exception names the problem; the line is where it arose."
    )


def _at(error: RequestFailed) -> str:
    """The student's own file, line and source."""
    where = error.where
    if not where:
        return ""
    return "\n  {file}:{line}: {source}".format_map(where)


# The idea to revisit, by simt's kind of report.
BARRIER = (
    "Every thread of a block must reach the same barrier. An early return, or a barrier inside an"
    " if, leaves the others waiting for ever."
)
ADDRESS = "Check each index against the size of what it indexes, and each pointer that may be NULL."
HOST = (
    "Device memory is used by kernels, the host's by host code. What crosses over is copied"
    " (cudaMemcpy)."
)
FREED = "Who frees this memory, how often, and is anybody still using it then?"
HINTS = {
    "barrier_divergence": BARRIER,
    "warp_divergence": "All lanes named in the mask of a warp operation must reach it. " + BARRIER,
    "warp_mask": (
        "The mask of a warp operation names the lanes that take part: is this one among them?"
    ),
    "endless_loop": (
        "What makes the loop end? Check what its condition reads and what a step changes."
    ),
    "null_pointer": ADDRESS,
    "illegal_address": ADDRESS,
    "stack_overflow": "Very deep recursion, or very large local arrays, overflow a thread's stack.",
    "division_by_zero": "An integer division or remainder by 0: which size can be 0 here?",
    "too_much_shared_memory": (
        "A block has 48 KB of shared memory: how large is the tile, in bytes?"
    ),
    # What an instrumented build of simt's finds besides (the check "memory").
    "shared_race": (
        "Between a write to shared memory and a read by another thread, all threads must meet; so"
        " they must between a read and the next write to the same place. Who waits for whom between"
        " these two lines?"
    ),
    "global_race": (
        "Threads, and blocks still more, run in any order. Which of them may touch this element,"
        " and what makes one wait for the other?"
    ),
    "out_of_bounds": (
        "Which threads have no element of their own there? Think of the last block, and of sizes"
        " that are no multiple of a tile."
    ),
    "shared_out_of_bounds": "How large is that array, and how large can this index become?",
    "index_out_of_bounds": "How large is that array, and how large can this index become?",
    "uninitialized_shared": (
        "Is every element that is read also written, past the edge of a matrix too? And do all"
        " threads wait in between?"
    ),
    "uninitialized_global": (
        "out holds anything when the call begins. Which thread writes what is read here, and when?"
    ),
    "misaligned_address": (
        "A vector load (float4) needs an address that is a multiple of its size: does every row"
        " begin at one?"
    ),
    "host_pointer": HOST,
    "device_pointer_on_host": HOST,
    "wrong_copy_kind": "The kind of a cudaMemcpy says from where to where it copies.",
    "use_after_free": FREED,
    "invalid_free": FREED,
    "invalid_launch": "Threads in a block: 1 to 1024. Blocks: at least 1. Which size breaks that?",
    "integer_overflow": "An int ends at 2147483647: which product of sizes goes beyond?",
    "assert": "An assert of your own failed: print what it tests.",
}
# A GPU says what happened, and not where.
WHERE = (
    " On the CPU the line is named: run the same check with --device cpu. With the CUDA toolkit, so"
    " does: compute-sanitizer python test.py --device cuda --submission YOURS"
)
# By words in the error, where there is no report.
WORDS = {
    "configuration": (
        "Threads in a block: 1 to 1024. Blocks: at least 1 (is their number rounded up? n / block"
        " is 0 in whole numbers where n is smaller). Shared memory: at most 48 KB."
    ),
    "invalid argument": "Threads in a block: 1 to 1024. Blocks: at least 1.",
    "illegal memory access": ADDRESS + WHERE,
    "illegal address": ADDRESS + WHERE,
    "misaligned": "A vector load (float4) needs an address that is a multiple of its size." + WHERE,
    "unspecified launch failure": ADDRESS + WHERE,
    "illegal instruction": ADDRESS + WHERE,
    "device-side assert": HINTS["assert"] + WHERE,
    "timeout": HINTS["endless_loop"],
    "too many resources": "A block has 65536 registers: fewer threads, or __launch_bounds__.",
    "no kernel image": "Is the code behind an #if for another GPU than this one?",
    "out of memory": "How much is allocated, how often, and is it ever freed?",
    "did not write new_ids": (
        "gpt_prefill picks one id and each step of gpt_decode one: on the stream it was given,"
        " before it returns on a CPU."
    ),
    "not in the vocabulary": "Ids are 0 to vocab_size - 1. What does the search for the best give?",
}
ADDRESS_FAULTS = ("null_pointer", "illegal_address", "illegal memory access")


def kernel_fault(error: RequestFailed) -> Failure:
    """A launch that failed: simt's report where there is one, else CUDA's error."""
    try:
        kind = Report.from_json(error.report or "").kind
    except ValueError:
        kind = ""
    if kind in HINTS:
        return Failure(error.message, HINTS[kind], {"fault": kind}, idea=idea_of(kind))
    for words, hint in WORDS.items():
        if words in error.message.lower():
            return Failure(error.message, hint, {"fault": words}, idea=idea_of(words))
    hint = "The launch itself failed: look up the error's name in the CUDA runtime API."
    return Failure(error.message, hint, {"fault": "unknown"})


IDEAS = {  # by words in the kind of a fault
    "barrier": ("divergence", "shared_race"),
    "reduction": ("warp_mask",),
    "launch": ("configuration", "invalid_launch", "invalid argument", "resources", "too_much_sh"),
    "bounds": ("illegal_address", "illegal address", "illegal memory", "out_of_bounds"),
    "pointers": ("null", "host", "copy_kind", "free"),
    "shared": ("uninitialized_shared",),
    "integer": ("integer_overflow", "division"),
}


def idea_of(kind: str) -> str:
    """The idea behind a fault; "" where there is none."""
    return next((idea for idea, words in IDEAS.items() if any(w in kind for w in words)), "")
