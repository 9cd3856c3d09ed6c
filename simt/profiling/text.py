"""A profile for the terminal: each kernel, with what each line of its source asked of memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simt.profiling import Access, Kernel, lines


def as_text(kernels: Sequence[Kernel], sources: Sequence[Path]) -> str:
    """All kernels, one after another. sources: to quote the lines from."""
    if not kernels:
        return "simt: no kernel was launched\n"
    return "\n".join(_kernel(kernel, _Sources(sources)) for kernel in kernels)


class _Sources:
    """The text of lines by their name, such as "gpt.cu:31"."""

    def __init__(self, paths: Sequence[Path]):
        self._lines: dict[str, list[str]] = {}
        for path in paths:
            self._lines[path.name] = path.read_text(errors="replace").split("\n")

    def text(self, line: str) -> str:
        file, _, number = line.rpartition(":")
        code = self._lines.get(file, [])
        at = int(number) if number.isdigit() else 0
        return code[at - 1].strip() if 0 < at <= len(code) else ""


def _kernel(kernel: Kernel, sources: _Sources) -> str:
    grid, block = ("\u00d7".join(map(str, shape)) for shape in (kernel.grid, kernel.block))
    times = f", {kernel.launches} launches" if kernel.launches > 1 else ""
    title = f"{kernel.name} <<<{grid}, {block}>>>, launched at {kernel.launched_at}{times}"
    out = [title, "\u2500" * min(len(title), 100)]
    if kernel.traced_blocks < kernel.blocks:
        out.append(
            f"{kernel.traced_blocks:,} of {kernel.blocks:,} blocks were traced; "
            f"counts are multiplied by {kernel.scale:.4g}"
        )
    for line, accesses in lines(kernel.accesses).items():
        out.append(f"{line or '(no line)'}  {sources.text(line)}")
        out += [f"    {_access(access, kernel.scale)}" for access in accesses]
    out += _totals(kernel)
    return "\n".join(out) + "\n"


def _access(a: Access, scale: float) -> str:
    what = f"{a.space} {a.op}, {a.size} bytes a lane"
    of = f" of {a.array}" if a.array else ""
    parts = [f"{what}{of}: {a.requests * scale:,.0f} requests"]
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


def _totals(kernel: Kernel) -> list[str]:
    loads, stores = kernel.total("global", "load"), kernel.total("global", "store")
    shared = kernel.total("shared")
    scale = kernel.scale
    out = []
    for name, total in (("loads", loads), ("stores", stores)):
        if total.requests:
            out.append(
                f"global {name}: {total.requests * scale:,.0f} requests, "
                f"{total.sectors * scale:,.0f} sectors ({_size(total.bytes_moved * scale)} moved), "
                f"{total.sectors_per_request:.2f} a request, {100 * total.efficiency:.0f} % needed"
            )
    out.append(
        f"distinct bytes: {_size(kernel.bytes_read)} read, {_size(kernel.bytes_written)} written"
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
    if kernel.truncated:
        out.append(f"{kernel.truncated:,} accesses of very long threads were not counted")
    return out


def _size(number: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if number < 1000:
            return f"{number:.4g} {unit}"
        number /= 1000
    return f"{number:.4g} GB"
