"""Reads what the runtime counted (JSON, by address in the code) as kernels with their lines."""

from __future__ import annotations

import json
from pathlib import Path

from simt.lines import Line, lines_of, place
from simt.profiling.arithmetic import BasicBlock, basic_blocks
from simt.profiling.kernel import COUNTS, Access, CodeLine, Kernel, SharedUse

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


def read_profiles(text: str, binary: Path, *, arithmetic: bool = True) -> list[Kernel]:
    """What simt_profiles() returned in a program or library built in the mode "profile".

    arithmetic: read the binary's machine code too (half a second), for Kernel.code. Raises
    ValueError for a text that is no profile: it may come from a process that can't be trusted.
    """
    try:
        data = json.loads(text, parse_int=_whole, parse_float=_refuse, parse_constant=_refuse)
        return _read(data, binary, arithmetic)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"This is not a profile of simt: {error!r}") from error


def _whole(digits: str) -> int:
    if len(digits) > 18:  # more than the runtime's own counters could reach
        raise ValueError("a number is too large")
    return int(digits)


def _refuse(number: str) -> int:
    raise ValueError(f"{number[:20]} is no count")


def _read(data: list[dict], binary: Path, arithmetic: bool) -> list[Kernel]:
    starts = {start for fields in data for start, _, _ in fields["code"]}
    blocks = basic_blocks(binary, starts if arithmetic else ())
    addresses = {address for block in blocks.values() for address in block.addresses}
    addresses.update(access["pc"] for fields in data for access in fields["accesses"])
    lines = lines_of(binary, addresses)
    return [_kernel(fields, blocks, lines) for fields in data]


def _kernel(fields: dict, blocks: dict[int, BasicBlock], lines: dict[int, Line]) -> Kernel:
    return Kernel(
        name=_text(fields["kernel"]),
        launched_at=f"{Path(fields['file']).name}:{fields['line']}",
        grid=tuple(fields["grid"]),
        block=tuple(fields["block"]),
        accesses=_accesses(fields["accesses"], lines),
        code=_code(fields["code"], blocks, lines),
        warp_steps=sum(executions for _, executions, _ in fields["code"]),
        lane_steps=sum(lanes for _, _, lanes in fields["code"]),
        shared_use={name: SharedUse(**use) for name, use in fields["shared"].items()},
        **{name: _count(fields[name]) for name in _KERNEL_COUNTS},
    )


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{str(value)[:20]!r} is no count")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:20]!r} is no text")
    return value


def _accesses(counted: list[dict], lines: dict[int, Line]) -> list[Access]:
    """By line: several instructions of one line that do the same become one."""
    merged: dict[tuple, Access] = {}
    for access in counted:
        one = Access(
            line=lines[access["pc"]].name if access["pc"] in lines else "",
            **{name: value for name, value in access.items() if name != "pc"},
        )
        for name in ("size", *COUNTS):
            _count(getattr(one, name))
        for name in ("space", "op", "array"):
            _text(getattr(one, name))
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
