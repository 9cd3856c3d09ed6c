"""What a profile says: kernels, with their accesses to memory and their lines of code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

SECTOR_BYTES = 32
COUNTS = (  # of an Access: those that add up
    "requests",
    "lanes",
    "sectors",
    "ideal_sectors",
    "wavefronts",
    "ideal_wavefronts",
    "crowd",
)


@dataclass
class Access:
    """All accesses of one kind from one line, by all warps of the traced blocks."""

    line: str  # "gpt.cu:31"; "" for a sum over lines
    space: str  # "global", "shared" or "program" (__device__ variables)
    op: str  # "load", "store" or "atomic"
    size: int = 0  # bytes a lane
    requests: int = 0  # instructions, each by a warp
    lanes: int = 0  # that took part, added up
    sectors: int = 0  # of 32 bytes; global only
    ideal_sectors: int = 0  # had the distinct bytes of each request been side by side
    wavefronts: int = 0  # passes over the banks; shared only
    ideal_wavefronts: int = 0
    crowd: int = 0  # atomics: lanes at one address, the most of each request, added up
    array: str = ""  # the parameter or variable
    element_size: int = 4  # of it, bytes
    start: int = 0  # of the array: bytes past a multiple of 128
    sample: list[int] = field(default_factory=list)  # a request: byte offset of each lane, -1: none

    @property
    def sectors_per_request(self) -> float:
        return self.sectors / self.requests if self.requests else 0.0

    @property
    def efficiency(self) -> float:
        """Of the sectors moved, the share that was needed: 1 is perfectly coalesced."""
        return self.ideal_sectors / self.sectors if self.sectors else 1.0

    @property
    def bytes_requested(self) -> int:
        return self.lanes * self.size

    @property
    def bytes_moved(self) -> int:
        return self.sectors * SECTOR_BYTES

    @property
    def bank_conflicts(self) -> int:
        return max(0, self.wavefronts - self.ideal_wavefronts)

    @property
    def active_lanes(self) -> float:
        return self.lanes / self.requests if self.requests else 0.0

    def add(self, other: Access) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if _active(other.sample) > _active(self.sample):
            self.array, self.element_size = other.array, other.element_size
            self.start, self.sample = other.start, other.sample


def _active(sample: list[int]) -> int:
    return sum(offset >= 0 for offset in sample)


@dataclass
class SharedUse:
    """How a variable in shared memory is used."""

    element_size: int  # bytes
    extents: list[int]  # of an array, as it is declared; [] for a single value
    accesses: list[int]  # of each of its 4-byte words, by lane


@dataclass
class CodeLine:
    """What the warps of the traced blocks did in one line."""

    line: str  # "gpt.cu:31"
    steps: int = 0  # basic blocks of it, or with a part of it, that warps executed
    lanes: int = 0  # the same, by lane
    flops: int = 0  # floating-point operations; a fused multiply-add is two
    calls: dict[str, int] = field(default_factory=dict)  # of functions such as expf: not in flops

    @property
    def active_lanes(self) -> float:
        """Lanes that took part in an average step of a warp (of 32)."""
        return self.lanes / self.steps if self.steps else 0.0


@dataclass
class Kernel:
    """The launches of one kernel with one shape from one line."""

    name: str
    launched_at: str  # "gpt.cu:160"
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    static_shared: int  # bytes
    dynamic_shared: int
    launches: int
    blocks: int  # in all launches
    traced_blocks: int
    barriers: int  # that the traced blocks passed
    truncated: int  # accesses of very long threads that were not counted
    bytes_read: int  # distinct bytes of global memory, of the traced blocks
    bytes_written: int
    accesses: list[Access]
    code: list[CodeLine]  # in the order of the lines
    warp_steps: int  # basic blocks that warps executed
    lane_steps: int  # the same, by lane
    shared_use: dict[str, SharedUse]  # by variable

    @property
    def scale(self) -> float:
        """All blocks over the traced ones: what to multiply counts with."""
        return self.blocks / self.traced_blocks if self.traced_blocks else 1.0

    @property
    def active_lanes(self) -> float:
        """Lanes that took part in an average step of a warp (of 32)."""
        return self.lane_steps / self.warp_steps if self.warp_steps else 32.0

    @property
    def flops(self) -> int:
        """Floating-point operations of the traced blocks (arithmetic.py says which)."""
        return sum(line.flops for line in self.code)

    @property
    def calls(self) -> dict[str, int]:
        """Calls of functions such as expf by the traced blocks."""
        total: Counter[str] = Counter()
        for line in self.code:
            total.update(line.calls)
        return dict(total)

    @property
    def bytes_moved(self) -> int:
        """Of global memory, by the traced blocks: sectors of 32 bytes, as if no cache helped."""
        return self.total("global").bytes_moved

    @property
    def intensity(self) -> float:
        """Arithmetic intensity: flops for each byte moved."""
        return self.flops / self.bytes_moved if self.bytes_moved else 0.0

    def total(self, space: str, op: str | None = None) -> Access:
        """The sum over all lines."""
        total = Access("", space, op or "")
        for access in self.accesses:
            if access.space == space and op in (None, access.op):
                total.add(access)
        return total


def lines(accesses: Iterable[Access]) -> dict[str, list[Access]]:
    """The accesses of each line."""
    found: dict[str, list[Access]] = {}
    for access in accesses:
        found.setdefault(access.line, []).append(access)
    return found
