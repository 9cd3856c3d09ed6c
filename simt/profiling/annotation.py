"""What each line of a kernel did, in all blocks: the columns beside the source."""

from __future__ import annotations

from dataclasses import dataclass, field

from simt.lines import place
from simt.profiling.kernel import Access, Kernel


@dataclass
class LineCounts:
    """One line. Counts are multiplied by Kernel.scale; None: it has no such thing."""

    accesses: list[Access] = field(default_factory=list)  # not multiplied
    requests: float = 0.0
    sectors_per_request: float | None = None  # global memory
    needed: float | None = None  # of these sectors: 0 to 1
    conflict: float | None = None  # passes over the banks, over those without a conflict
    flops: float = 0.0
    calls: dict[str, float] = field(default_factory=dict)
    active_lanes: float | None = None  # of 32


def annotate(kernel: Kernel) -> dict[str, LineCounts]:
    """By line, in order: lines that access memory or compute, or where warps were at all."""
    found: dict[str, LineCounts] = {}
    for access in kernel.accesses:
        found.setdefault(access.line, LineCounts()).accesses.append(access)
    for line in kernel.code:
        counts = found.setdefault(line.line, LineCounts())
        counts.flops = line.flops * kernel.scale
        counts.calls = {name: calls * kernel.scale for name, calls in line.calls.items()}
        counts.active_lanes = line.active_lanes if line.steps else None
    for counts in found.values():
        _sum_up(counts, kernel.scale)
    return dict(sorted(found.items(), key=lambda item: place(item[0])))


def _sum_up(counts: LineCounts, scale: float) -> None:
    shared = Access("", "shared", "")
    other = Access("", "global", "")
    for access in counts.accesses:
        (shared if access.space == "shared" else other).add(access)
    counts.requests = (shared.requests + other.requests) * scale
    if other.requests:
        counts.sectors_per_request = other.sectors_per_request
        counts.needed = other.efficiency
    if shared.ideal_wavefronts:
        counts.conflict = shared.wavefronts / shared.ideal_wavefronts
