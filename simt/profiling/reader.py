"""Reads what the runtime counted (JSON, by address in the code) as kernels with their lines."""

from __future__ import annotations

import json
from pathlib import Path

from simt.lines import lines_of
from simt.profiling.arithmetic import BasicBlock, basic_blocks
from simt.profiling.kernel import Access, CodeLine, Kernel

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


def read_profiles(text: str, binary: Path) -> list[Kernel]:
    """What simt_profiles() returned in a program or library built in the mode "profile"."""
    data = json.loads(text)
    starts = {start for fields in data for start, _, _ in fields["code"]}
    blocks = basic_blocks(binary, starts)
    addresses = {address for block in blocks.values() for address in block.addresses}
    addresses.update(access["pc"] for fields in data for access in fields["accesses"])
    lines = lines_of(binary, addresses)
    return [_kernel(fields, blocks, lines) for fields in data]


def _kernel(fields: dict, blocks: dict[int, BasicBlock], lines: dict[int, str]) -> Kernel:
    return Kernel(
        name=fields["kernel"],
        launched_at=f"{Path(fields['file']).name}:{fields['line']}",
        grid=tuple(fields["grid"]),
        block=tuple(fields["block"]),
        accesses=_accesses(fields["accesses"], lines),
        code=_code(fields["code"], blocks, lines),
        warp_steps=sum(executions for _, executions, _ in fields["code"]),
        lane_steps=sum(lanes for _, _, lanes in fields["code"]),
        shared_use=fields["shared"],
        **{name: fields[name] for name in _KERNEL_COUNTS},
    )


def _accesses(counted: list[dict], lines: dict[int, str]) -> list[Access]:
    """By line: several instructions of one line that do the same become one."""
    merged: dict[tuple, Access] = {}
    for access in counted:
        one = Access(
            line=lines.get(access["pc"], ""),
            **{name: value for name, value in access.items() if name != "pc"},
        )
        key = (one.line, one.space, one.op, one.size, one.array)
        if key in merged:
            merged[key].add(one)
        else:
            merged[key] = one
    return sorted(merged.values(), key=lambda a: (*_place(a.line), a.space, a.op))


def _code(
    counted: list[list[int]], blocks: dict[int, BasicBlock], lines: dict[int, str]
) -> list[CodeLine]:
    found: dict[str, CodeLine] = {}
    for start, executions, lanes in counted:
        block = blocks.get(start, BasicBlock())
        for name in {lines[address] for address in block.addresses if address in lines}:
            line = found.setdefault(name, CodeLine(name))
            line.steps += executions
            line.lanes += lanes
        for address, flops in block.flops.items():
            if address in lines:
                found[lines[address]].flops += flops * lanes
        for address, function in block.calls.items():
            if address in lines:
                calls = found[lines[address]].calls
                calls[function] = calls.get(function, 0) + lanes
    return sorted(found.values(), key=lambda line: _place(line.line))


def _place(line: str) -> tuple[str, int]:
    """ "gpt.cu:31" -> ("gpt.cu", 31), to sort by."""
    file, _, number = line.rpartition(":")
    return file, int(number or 0)
