"""Reads what the runtime counted (JSON, by address in the code) as kernels with their lines."""

from __future__ import annotations

from pathlib import Path

from simt.lines import Line, Run, lines_of, output_of, place
from simt.profiling.arithmetic import BasicBlock, basic_blocks
from simt.profiling.kernel import COUNTS, Access, CodeLine, Kernel, SharedUse
from simt.reading import count, counts, dim3, one_of, parse, some, text

_KERNEL_COUNTS = (
    "static_shared",
    "dynamic_shared",
    "launches",
    "blocks",
    "traced_blocks",
    "barriers",
    "truncated",
    "bytes_read",
    "bytes_written",
)
_ACCESS = {"pc", "size", "op", "space", "array", "element_size", "start", "sample", *COUNTS}
MOST = 2000  # kernels
SHARED_WORDS = 1 << 16  # of a variable: a block has at most 227 KB
WARP = 32


def read_profiles(
    counted: str, binary: Path, *, arithmetic: bool = True, run: Run = output_of
) -> list[Kernel]:
    """What simt_profiles() returned in a program or library built in the mode "profile".

    arithmetic: read the binary's machine code too (half a second), for Kernel.code. run: where
    tools look at the binary, as lines.lines_of's. Raises ValueError for a text that is no profile:
    it may come from a process that can't be trusted.
    """
    try:
        return _read(parse(counted), binary, arithmetic, run)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"This is not a profile of simt: {error!r}") from error


def _read(data: list[dict], binary: Path, arithmetic: bool, run: Run) -> list[Kernel]:
    starts = {count(start) for fields in some(data, MOST) for start, _, _ in fields["code"]}
    blocks = basic_blocks(binary, starts if arithmetic else (), run)
    addresses = {address for block in blocks.values() for address in block.addresses}
    addresses.update(count(access["pc"]) for fields in data for access in fields["accesses"])
    lines = lines_of(binary, addresses, run)
    return [_kernel(fields, blocks, lines) for fields in data]


def _kernel(fields: dict, blocks: dict[int, BasicBlock], lines: dict[int, Line]) -> Kernel:
    code = [counts(row, 3) for row in fields["code"]]
    kernel = Kernel(
        name=text(fields["kernel"]),
        launched_at=f"{Path(text(fields['file'])).name}:{count(fields['line'])}",
        grid=dim3(fields["grid"]),
        block=dim3(fields["block"]),
        accesses=_accesses(fields["accesses"], lines),
        code=_code(code, blocks, lines),
        warp_steps=sum(executions for _, executions, _ in code),
        lane_steps=sum(lanes for _, _, lanes in code),
        shared_use={text(name): _use(use) for name, use in fields["shared"].items()},
        **{name: count(fields[name]) for name in _KERNEL_COUNTS},
    )
    if kernel.traced_blocks > kernel.blocks:
        raise ValueError("more blocks were traced than there are")
    return kernel


def _use(fields: dict) -> SharedUse:
    return SharedUse(
        element_size=count(fields["element_size"]),
        extents=counts(fields["extents"], 8),
        accesses=counts(fields["accesses"], SHARED_WORDS),
    )


def _access(fields: dict, lines: dict[int, Line]) -> Access:
    pc, sample = fields["pc"], some(fields["sample"], WARP)
    if set(fields) != _ACCESS or len(sample) not in (0, WARP):
        raise ValueError("an access has other fields, or a sample that is no warp's")
    return Access(
        line=lines[pc].name if pc in lines else "",
        space=one_of(fields["space"], "global", "shared", "program"),
        op=one_of(fields["op"], "load", "store", "atomic"),
        size=count(fields["size"], 16, least=1),
        array=text(fields["array"]),
        element_size=max(1, count(fields["element_size"])),
        start=count(fields["start"], 127),
        sample=[count(offset, least=-(1 << 48)) for offset in sample],
        **{name: count(fields[name]) for name in COUNTS},
    )


def _accesses(counted: list[dict], lines: dict[int, Line]) -> list[Access]:
    """By line: several instructions of one line that do the same become one."""
    merged: dict[tuple, Access] = {}
    for fields in counted:
        one = _access(fields, lines)
        key = (one.line, one.space, one.op, one.size, one.array)
        if key in merged:
            merged[key].add(one)
        else:
            merged[key] = one
    return sorted(merged.values(), key=lambda a: (*place(a.line), a.space, a.op))


def _code(
    counted: list[list[int]], blocks: dict[int, BasicBlock], lines: dict[int, Line]
) -> list[CodeLine]:
    found: dict[str, CodeLine] = {}
    # A line is where it computes, reads, calls or decides. Where its constants are put in place may
    # be in a branch before it, so that counts only for lines that do nothing else.
    done: set[str] = set()
    for with_moves in (False, True):
        for start, executions, lanes in counted:
            block = blocks.get(start, BasicBlock())
            names = {
                lines[address].name
                for address in block.addresses
                if address in lines
                and lines[address].is_own
                and (address in block.moves) == with_moves
            }
            for name in names - done:
                line = found.setdefault(name, CodeLine(name))
                line.steps += executions
                line.lanes += lanes
        done = set(found)
    for start, _, lanes in counted:
        block = blocks.get(start, BasicBlock())
        for address in (*block.flops, *block.calls):
            if address not in lines:
                continue
            name = lines[address].name
            line = found.setdefault(name, CodeLine(name))
            line.flops += block.flops.get(address, 0) * lanes
            if function := block.calls.get(address):
                line.calls[function] = line.calls.get(function, 0) + lanes
    return sorted(found.values(), key=lambda line: place(line.line))
