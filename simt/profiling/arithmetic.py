"""What the basic blocks of a profiled program compute, read off its machine code.

The compiler puts a call of __sanitizer_cov_trace_pc at the start of each basic block, and the
runtime counts by the address that it returns to how often lanes came by. Between that call and the
next lie the block's instructions; vectorising is off in such a build, so each is one lane's.

Counted is what the source adds up, subtracts, multiplies, divides or takes the root of, in float or
double (half and bfloat16 are computed as float here), each as one operation and a fused
multiply-add as two, as the peak rates of GPUs are given. Not counted: integers, comparisons,
minimum and maximum, conversions, signs. Calls of functions such as expf are counted by name: what
one costs differs from GPU to GPU.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from simt.lines import Run, output_of

TRACE = "__sanitizer_cov_trace_pc"

# x86-64: vfmadd132ss, addss, vsqrtsd, ...; aarch64: fmadd, fadd, fsqrt.
_FUSED = re.compile(r"vfn?m(add|sub)\d+s[sd]$|fn?m(add|sub)$")
_SINGLE = re.compile(r"v?(add|sub|mul|div|sqrt)s[sd]$|f(add|sub|n?mul|div|sqrt)$")
_FUNCTIONS = re.compile(
    "(a?(cos|sin|tan)h?|atan2|sincos|cbrt|erfc?|exp(2|10|m1)?|fmod|remainder|hypot|j[01]|y[01]"
    "|lgamma|tgamma|log(2|10|1p)?|pow)f?$"
)
_MOVE = re.compile(r"v?mov[a-z]*$|lea$|xor[lq]?$|nop|push$|pop$|jmp$|b$|mov$|adrp?$")
_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+([a-z]\S*)\s*(.*)$")
_TARGET = re.compile(r"^([0-9a-f]+) <(.*)>$")


@dataclass
class BasicBlock:
    """The instructions of one basic block, by their addresses (offsets from the binary's base)."""

    addresses: list[int] = field(default_factory=list)
    moves: set[int] = field(default_factory=set)  # those that only bring values into place
    flops: dict[int, int] = field(default_factory=dict)  # those that compute; operations of a lane
    calls: dict[int, str] = field(default_factory=dict)  # those that call a math function: its name


def basic_blocks(
    binary: Path, starts: Collection[int], run: Run = output_of
) -> dict[int, BasicBlock]:
    """The blocks that begin at these addresses. Without binutils: {}. run: as lines.lines_of's."""
    if not starts or not shutil.which("objdump"):
        return {}
    code = list(_disassemble(run("objdump", binary, "")))
    index = {address: i for i, (address, _, _) in enumerate(code)}
    found = {}
    for start in starts:
        i = index.get(start, 0)
        # A function may end with a jump to TRACE, which then returns to the caller: an empty block.
        if i and code[i - 1][1] in ("call", "bl") and TRACE in code[i - 1][2]:
            found[start] = _block(code, index, i)
    return found


def _disassemble(said: str) -> Iterator[tuple[int, str, str]]:
    """(address, mnemonic, operands) of each instruction, of what objdump says."""
    for line in said.splitlines():
        if found := _INSTRUCTION.match(line):
            yield int(found[1], 16), found[2], found[3].split("#")[0].strip()


def _block(code: list[tuple[int, str, str]], index: dict[int, int], i: int) -> BasicBlock:
    """From code[i] to the next block's start. Where blocks share their end, through the jump."""
    block, seen = BasicBlock(), set()
    while i < len(code) and i not in seen:
        seen.add(i)
        address, mnemonic, operands = code[i]
        if TRACE in operands or mnemonic.startswith("ret"):
            break
        block.addresses.append(address)
        if _MOVE.match(mnemonic):
            block.moves.add(address)
        if _FUSED.match(mnemonic):
            block.flops[address] = 2
        elif _SINGLE.match(mnemonic):
            block.flops[address] = 1
        target = _TARGET.match(operands)
        if mnemonic in ("call", "bl") and target and (name := _math_function(target[2])):
            block.calls[address] = name
        if mnemonic in ("jmp", "b"):
            if not target or int(target[1], 16) not in index:
                break
            i = index[int(target[1], 16)]
        else:
            i += 1
    return block


def _math_function(symbol: str) -> str:
    """The name in a call's target, expf in "expf@plt"; "" if that is no function of <math.h>."""
    name = "tanhf" if "simt_tanhf" in symbol else symbol.partition("@")[0]
    return name if _FUNCTIONS.match(name) else ""
