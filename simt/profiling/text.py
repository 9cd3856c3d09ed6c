"""A profile for the terminal: each kernel, with what each line of its source did."""

from __future__ import annotations

from collections.abc import Sequence

from simt.listing import Sources
from simt.profiling import units
from simt.profiling.annotation import LineCounts, annotate
from simt.profiling.findings import explain
from simt.profiling.kernel import Access, Kernel
from simt.profiling.roofline import Gpu, roofline


def as_text(kernels: Sequence[Kernel], sources: Sources, gpu: Gpu) -> str:
    """All kernels, one after another. gpu: whose roof they stand under."""
    if not kernels:
        return "simt: no kernel was launched\n"
    return "\n".join(_kernel(kernel, sources, gpu) for kernel in kernels)


def shape(extents: Sequence[int]) -> str:
    """ "8×8": a grid or block, less the dimensions of 1 at the end."""
    last = max((i for i, extent in enumerate(extents) if extent != 1), default=0)
    return "\u00d7".join(map(str, extents[: last + 1]))


def access_text(a: Access, scale: float) -> str:
    """One kind of access of one line, in words."""
    what = f"{a.space} {a.op}, {units.plural(a.size, 'byte')} a lane"
    of = f" of {a.array}" if a.array else ""
    parts = [f"{what}{of}: {units.plural(round(a.requests * scale), 'request')}"]
    if a.active_lanes < 31.995:
        parts.append(f"{a.active_lanes:.1f} lanes active")
    if a.space == "shared":
        ways = a.wavefronts / a.ideal_wavefronts if a.ideal_wavefronts else 1
        conflicts = f"{ways:.2f}-way bank conflicts" if a.bank_conflicts else "no bank conflicts"
        parts.append(conflicts)
    else:
        parts.append(
            f"{a.sectors_per_request:.2f} sectors a request, {100 * a.efficiency:.0f} % needed"
        )
    if a.op == "atomic":
        parts.append(f"{a.crowd / a.requests:.1f} lanes at one address")
    return "; ".join(parts)


def calls_text(calls: dict[str, float]) -> str:
    """ "1,024 tanhf, 32 expf"."""
    return ", ".join(f"{number:,.0f} {name}" for name, number in calls.items())


def _kernel(kernel: Kernel, sources: Sources, gpu: Gpu) -> str:
    times = f", {kernel.launches} launches" if kernel.launches > 1 else ""
    launch = f"<<<{shape(kernel.grid)}, {shape(kernel.block)}>>>"
    title = f"{kernel.name} {launch}, launched at {kernel.launched_at}{times}"
    out = [title, "\u2500" * min(len(title), 100)]
    if kernel.traced_blocks < kernel.blocks:
        out.append(
            f"{kernel.traced_blocks:,} of {kernel.blocks:,} blocks were traced; "
            f"counts are multiplied by {kernel.scale:.4g}"
        )
    for line, counts in annotate(kernel).items():
        if details := _line(counts, kernel.scale):
            out.append(f"{line or '(no line)'}  {sources.text(line).strip()}")
            out += [f"    {detail}" for detail in details]
    return "\n".join(out + _totals(kernel, gpu)) + "\n"


def _line(counts: LineCounts, scale: float) -> list[str]:
    """What there is to say of a line; nothing of one with no access and no arithmetic."""
    details = [access_text(access, scale) for access in counts.accesses]
    parts = []
    if counts.flops:
        parts.append(f"{counts.flops:,.0f} flops")
    if counts.calls:
        parts.append(f"calls: {calls_text(counts.calls)}")
    lanes = counts.active_lanes
    if (details or parts) and lanes is not None and lanes < 31.95:
        parts.append(f"{lanes:.1f} of 32 lanes active")
    return [*details, "; ".join(parts)] if parts else details


def _totals(kernel: Kernel, gpu: Gpu) -> list[str]:
    loads, stores = kernel.total("global", "load"), kernel.total("global", "store")
    shared = kernel.total("shared")
    scale = kernel.scale
    out = []
    for name, total in (("loads", loads), ("stores", stores)):
        if total.requests:
            out.append(
                f"global {name}: {total.requests * scale:,.0f} requests, "
                f"{total.sectors * scale:,.0f} sectors "
                f"({units.size(total.bytes_moved * scale)} moved), "
                f"{total.sectors_per_request:.2f} a request, {100 * total.efficiency:.0f} % needed"
            )
    out.append(
        f"distinct bytes: {units.size(kernel.bytes_read)} read, "
        f"{units.size(kernel.bytes_written)} written"
        + (" by the traced blocks" if scale != 1 else "")
    )
    if shared.requests:
        out.append(
            f"shared memory: {shared.requests * scale:,.0f} requests, "
            f"{shared.bank_conflicts * scale:,.0f} extra passes by bank conflicts"
        )
    out.append(
        f"barriers: {kernel.barriers * scale:,.0f}; "
        f"lanes active in a step: {kernel.active_lanes:.1f} of 32"
    )
    calls = {name: number * scale for name, number in kernel.calls.items()}
    out.append(
        f"arithmetic: {kernel.flops * scale:,.0f} flops"
        + (f"; not in them, calls: {calls_text(calls)}" if calls else "")
    )
    if line := roofline(kernel, gpu):
        out.append(f"roofline: {explain(line)}")
    if kernel.truncated:
        out.append(f"{kernel.truncated:,} accesses of very long threads were not counted")
    return out
