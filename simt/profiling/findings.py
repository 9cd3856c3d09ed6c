"""What costs a kernel most, and why, in a few sentences that its counts support."""

from __future__ import annotations

import math
from itertools import pairwise

from simt.lines import place
from simt.profiling import units
from simt.profiling.kernel import SECTOR_BYTES, Access, Kernel, lines
from simt.profiling.pictures.access import touched_sectors
from simt.profiling.pictures.banks import BANK_BYTES, BANKS, passes
from simt.profiling.roofline import Gpu, Roofline, roofline

_MOST = 3  # findings, besides where the kernel stands under the roof

# Below these, nothing is said.
_WASTE = 1.2  # sectors moved, over those needed
_CONFLICT = 1.2  # passes over the banks, over those needed
_CROWD = 2.0  # lanes at one address
_ACTIVE = 28.0  # lanes of 32
_REUSE = 4.0  # bytes moved that were needed, over distinct bytes


def findings(kernel: Kernel, gpu: Gpu) -> list[str]:
    """Two to four sentences, the costliest first."""
    # What a finding costs is given in passes through the L1 cache: of shared memory one for each
    # wavefront, of global memory one for each line of four sectors.
    found: list[tuple[float, str]] = []
    name = _Places(kernel)
    for access in kernel.accesses:
        found += _coalescing(access, kernel, name)
        found += _conflicts(access, name)
        found += _crowds(access, name)
    found += _divergence(kernel, name)
    found += _reuse(kernel)
    worst = [sentence for _, sentence in sorted(found, key=lambda f: -f[0])[:_MOST]]
    return [*(worst or _nothing_wrong(kernel, name)), _standing(kernel, gpu)]


class _Places:
    """Names lines: "line 31", with its file where there are several."""

    def __init__(self, kernel: Kernel):
        names = [line.line for line in kernel.code] + [access.line for access in kernel.accesses]
        self._one_file = len({place(name)[0] for name in names if name}) <= 1

    def __call__(self, line: str) -> str:
        file, number = place(line)
        if not number:
            return "a line that is not known"
        return f"line {number}" if self._one_file else f"line {number} of {file}"


def _what(access: Access, name: _Places) -> str:
    """The loads of `in` at line 31"""
    quoted = f"`{access.array}`" if access.array.isidentifier() else access.array
    of = f" of {quoted}" if access.array else ""
    return f"{access.op}s{of} at {name(access.line)}"


def _coalescing(access: Access, kernel: Kernel, name: _Places) -> list[tuple[float, str]]:
    if access.space == "shared" or access.op == "atomic":
        return []
    if access.sectors < _WASTE * access.ideal_sectors:
        return []
    ideal = access.ideal_sectors / access.requests
    share = access.sectors / sum(a.sectors for a in kernel.accesses)
    why = why_scattered(access)
    sentence = (
        f"The {_what(access, name)} move {access.sectors_per_request:.3g} sectors a request where "
        f"{ideal:.3g} would do{f': {why}' if why else ''}. "
        f"They are {100 * share:.0f} % of all sectors that this kernel moves."
    )
    return [((access.sectors - access.ideal_sectors) / 4, sentence)]


def why_scattered(access: Access) -> str:
    """Why the sampled request touches more sectors than it needs; "" if that can't be said."""
    touched = len(touched_sectors(access))
    if not touched or abs(touched - access.sectors_per_request) > 0.25 * touched:
        return ""  # it does not stand for the others
    stride, verb = common_stride(access), "read" if access.op == "load" else "write"
    first = next(offset for offset in access.sample if offset >= 0)
    if stride == access.size:
        inside = (access.start + first) % SECTOR_BYTES
        return f"the first thread {verb}s from byte {inside} of a sector on" if inside else ""
    if stride is not None and abs(stride) > access.size:
        return f"neighbouring threads {verb} addresses {abs(stride):,} bytes apart"
    if run := _run_length(access):
        return f"only {run} neighbouring threads at a time {verb} side by side"
    return ""


def common_stride(access: Access) -> int | None:
    """Bytes from each lane's address to the next lane's, if all agree."""
    steps = {b - a for a, b in pairwise(access.sample) if a >= 0 and b >= 0}
    return steps.pop() if len(steps) == 1 else None


def _run_length(access: Access) -> int:
    """Of how many lanes the runs are that lie side by side, if all are of one length; or 0."""
    lengths, length = [], 1
    for a, b in pairwise(access.sample):
        if a < 0 or b < 0:
            return 0
        if b - a == access.size:
            length += 1
        else:
            lengths.append(length)
            length = 1
    lengths.append(length)
    return lengths[0] if len(set(lengths)) == 1 and 1 < lengths[0] < 32 else 0


def _conflicts(access: Access, name: _Places) -> list[tuple[float, str]]:
    if access.space != "shared" or access.wavefronts < _CONFLICT * access.ideal_wavefronts:
        return []
    taken = access.wavefronts / access.requests
    ideal = access.ideal_wavefronts / access.requests
    why = why_conflicts(access)
    sentence = (
        f"The {_what(access, name)} take {taken:.3g} passes over the banks of shared memory where "
        f"{ideal:.3g} would do{f': {why}' if why else ''}."
    )
    return [(access.bank_conflicts, sentence)]


def why_conflicts(access: Access) -> str:
    """Why the sampled request takes extra passes; "" if that can't be said."""
    rows = passes(access)
    if not rows or abs(len(rows) - access.wavefronts / access.requests) > 0.25 * len(rows):
        return ""
    used = len({bank for row in rows for bank in row.words})
    stride = common_stride(access)
    where = "all in one bank" if used == 1 else f"in {used} of the {BANKS} banks"
    if stride and stride % BANK_BYTES == 0:
        words = abs(stride) // BANK_BYTES
        return f"neighbouring threads use words {words:,} apart, {where}"
    return f"the words that a warp asks for lie {where}" if used < BANKS else ""


def _crowds(access: Access, name: _Places) -> list[tuple[float, str]]:
    if access.op != "atomic" or access.crowd < _CROWD * access.requests:
        return []
    crowd = access.crowd / access.requests
    sentence = (
        f"The {_what(access, name)} bring up to {crowd:.3g} lanes of a warp to one address, where "
        "they take turns."
    )
    return [(access.crowd, sentence)]


def _divergence(kernel: Kernel, name: _Places) -> list[tuple[float, str]]:
    if kernel.active_lanes >= _ACTIVE:
        return []
    total = sum(a.sectors / 4 + a.wavefronts for a in kernel.accesses)
    sentence = f"On average {kernel.active_lanes:.1f} of a warp's 32 lanes are active"
    if kernel.code:
        idle = max(kernel.code, key=lambda line: 32 * line.steps - line.lanes)
        sentence += f"; most are idle at {name(idle.line)} ({idle.active_lanes:.1f} active)"
    return [(total * (1 - kernel.active_lanes / 32), sentence + ".")]


def _reuse(kernel: Kernel) -> list[tuple[float, str]]:
    distinct = kernel.bytes_read + kernel.bytes_written
    needed = kernel.total("global").ideal_sectors * SECTOR_BYTES
    if not distinct or needed < _REUSE * distinct:
        return []
    moved = kernel.bytes_moved
    sentence = (
        f"Each byte of global memory that it uses is moved {moved / distinct:,.0f} times on "
        f"average ({units.size(moved * kernel.scale)} in all): what the caches do not serve, "
        "shared memory or registers could."
    )
    return [((needed - distinct) / SECTOR_BYTES / 4, sentence)]


def _nothing_wrong(kernel: Kernel, name: _Places) -> list[str]:
    if not kernel.accesses:
        return ["It accesses no global or shared memory."]
    parts = ["its accesses are coalesced"] if kernel.total("global").requests else []
    if kernel.total("shared").requests:
        parts.append("there are no bank conflicts to speak of")
    parts.append("nearly all lanes of its warps are active")
    by_line = lines(kernel.accesses)
    busiest = max(by_line, key=lambda line: sum(access.requests for access in by_line[line]))
    requests = sum(access.requests for access in by_line[busiest])
    share = 100 * requests / sum(access.requests for access in kernel.accesses)
    return [
        f"Nothing stands out: {', '.join(parts[:-1])}{' and ' * (len(parts) > 1)}{parts[-1]}.",
        f"Of its requests to memory, {share:.0f} % come from {name(busiest)}.",
    ]


def _standing(kernel: Kernel, gpu: Gpu) -> str:
    line = roofline(kernel, gpu)
    if not line:
        return "It does no floating-point arithmetic that is counted: no roofline applies."
    return explain(line)


def explain(line: Roofline) -> str:
    """What a roofline says, in words."""
    gpu = line.gpu
    verdict = {
        "memory": f"On {gpu.name} it is memory-bound",
        "compute": f"On {gpu.name} it is compute-bound",
        "reuse": f"On {gpu.name} it is memory-bound unless its data is reused",
    }[line.bound]
    low, high = (units.rate(gpu.ceiling(i)) for i in (line.moved, line.distinct))
    if math.isclose(line.moved, line.distinct, rel_tol=0.01):
        return f"{verdict}: at {line.moved:.3g} flop/byte, at most {low}."
    return (
        f"{verdict}: at most {low} if no cache helps ({line.moved:.3g} flop/byte), at most {high} "
        f"if each byte is moved once ({line.distinct:.3g} flop/byte)."
    )
