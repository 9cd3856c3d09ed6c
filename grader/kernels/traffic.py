"""What a function's kernels ask of memory, as one number.

The unit is a sector: 32 bytes of global memory, as a GPU moves them, caches not counted. Bank
conflicts are expressed in it through the path that both kinds of memory share, the L1's: it passes
on 128 bytes at a time, 4 sectors or one pass over the banks of shared memory. Passes that conflicts
add keep it busy longer, and the sectors count as so many more:

    cost = sectors * (1 + 4 extra passes / (sectors + 4 passes without a conflict))

Shared memory itself costs nothing: using it in place of global memory is the point.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from simt.profiling import Access, Kernel

SECTORS_IN_PASS = 4
IN_MEMORY = ("global", "program")  # spaces: __device__ variables are global memory too


@dataclass(frozen=True)
class Line:
    """The line that has the most of something, and how much of it (blocks not traced included)."""

    access: Access
    amount: float


@dataclass(frozen=True)
class Traffic:
    """Of one call. Where only some blocks were traced, extrapolated to all."""

    sectors: float
    wasted: float  # of them, that more compact requests would not have taken
    passes: float  # over the banks, without a conflict
    extra_passes: float  # by bank conflicts
    flops: float  # floating-point operations, if they were counted (simt/profiling/arithmetic.py)
    most: Line | None  # of the sectors, the wasted ones, and the extra passes
    most_wasted: Line | None
    most_extra: Line | None
    calls: frozenset[str] = frozenset()  # math functions such as expf, where they were looked for

    @property
    def conflicts(self) -> float:
        """How much longer they keep the path to memory busy: 1 without any."""
        busy = self.sectors + SECTORS_IN_PASS * self.passes
        return 1 + SECTORS_IN_PASS * self.extra_passes / busy if busy else 1.0

    @property
    def cost(self) -> float:
        return self.sectors * self.conflicts


def traffic(kernels: Sequence[Kernel]) -> Traffic:
    """The sum over the kernels that one call launched."""
    scaled = [(access, kernel.scale) for kernel in kernels for access in kernel.accesses]
    memory = [(a, scale) for a, scale in scaled if a.space in IN_MEMORY]
    shared = [(a, scale) for a, scale in scaled if a.space == "shared"]
    sectors = [Line(a, a.sectors * scale) for a, scale in memory]
    wasted = [Line(a, (a.sectors - a.ideal_sectors) * scale) for a, scale in memory]
    extra = [Line(a, a.bank_conflicts * scale) for a, scale in shared]
    # What was not looked at counts as if each access took a sector of its own.
    unseen = sum(kernel.truncated * kernel.scale for kernel in kernels)
    return Traffic(
        sectors=_sum(sectors) + unseen,
        wasted=_sum(wasted),
        passes=sum(a.ideal_wavefronts * scale for a, scale in shared),
        extra_passes=_sum(extra),
        flops=sum(kernel.flops * kernel.scale for kernel in kernels),
        most=_most(sectors),
        most_wasted=_most(wasted),
        most_extra=_most(extra),
        calls=frozenset(name for kernel in kernels for name in kernel.calls),
    )


def _sum(lines: Sequence[Line]) -> float:
    return sum(line.amount for line in lines)


def _most(lines: Sequence[Line]) -> Line | None:
    return max(lines, key=lambda line: line.amount, default=None)
