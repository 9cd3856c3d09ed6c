"""Why a kernel moves more than it must, in words: the line, and the idea."""

from collections.abc import Collection

from grader.client import printable
from grader.diagnosis.cause import Cause
from grader.kernels.traffic import Traffic
from simt.profiling import Access

COALESCING = (
    "The 32 threads of a warp (neighbours in threadIdx.x) load at once. Which addresses do they"
    " touch at that moment, and how far apart are they?"
)
CONFLICTS = (
    "Word i of shared memory lies in bank i % 32, and a bank serves one word at a time. Which bank"
    " does each of the 32 threads of a warp use at that moment?"
)
REUSE = (
    "How often does each element come from global memory? What a block needs several times can stay"
    " in shared memory, what a thread needs several times in a register."
)


def explain(function: str, traffic: Traffic, reference: Traffic) -> Cause:
    """What makes it more than the reference's, with the line that has most of it."""
    times = f"{number(traffic.cost / reference.cost)}\u00d7 the reference's traffic"
    more = traffic.sectors / reference.sectors
    if traffic.most_extra and traffic.conflicts / reference.conflicts > more:
        access = traffic.most_extra.access
        passes = _each(access, access.wavefronts, access.ideal_wavefronts, "passes over the banks")
        return Cause(f"{function}: {passes}: it counts as {times}.", CONFLICTS, "banks")
    if traffic.most_wasted and traffic.wasted > (traffic.sectors - reference.sectors) / 2:
        access = traffic.most_wasted.access
        sectors = _each(access, access.sectors, access.ideal_sectors, "sectors")
        compact = (traffic.sectors - traffic.wasted) / reference.sectors
        if compact < 2:
            return Cause(f"{function}: {sectors}: {times}.", COALESCING, "coalescing")
        many = (
            f"Were the requests compact, it would be {number(compact)}\u00d7: they are also many."
        )
        return Cause(f"{function}: {sectors}: {times}. {many}", f"{COALESCING} {REUSE}", "reuse")
    where = f", most of it{_place(traffic.most.access)}" if traffic.most else ""
    return Cause(f"{function}: {times}{where}. The requests are compact, but many.", REUSE, "reuse")


def remarks(function: str, calls: Collection[str]) -> list[Cause]:
    """Calls of math functions that take longer than they must. They cost no points here."""
    found = []
    double = sorted(name for name in calls if not name.endswith("f") and f"{name}f" in IN_FLOAT)
    if double:
        found.append(
            Cause(
                f"{function} computes in double: it calls {', '.join(double)}. GPUs do that at 1/2"
                " to 1/64 of float's speed.",
                "A constant without the suffix f is a double, and so is what it is multiplied with:"
                " 0.5f, tanhf.",
                "double",
            )
        )
    if {"pow", "powf"} & set(calls):
        found.append(
            Cause(
                f"{function} calls pow, which takes the time of dozens of products.",
                "A small whole power is a few products: x * x * x.",
                "double",
            )
        )
    return found


IN_FLOAT = {f"{name}f" for name in ("tanh", "exp", "erf", "sqrt", "pow", "log", "sinh", "cosh")}


def number(x: float) -> str:
    """3.06, 15.6, 127"""
    return f"{x:.3g}" if x < 1000 else f"{x:,.0f}"


def _each(access: Access, did: int, would: int, what: str) -> str:
    requests = max(1, access.requests)
    found, enough = number(did / requests), number(would / requests)
    return f"{found} {what} a request{_place(access)}, where {enough} would do"


def _place(access: Access) -> str:
    array = f" ({printable(access.array[:40])})" if access.array else ""
    return f" at {printable(access.line[:80])}{array}" if access.line else array
