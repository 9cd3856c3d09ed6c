"""What went wrong in a kernel, as simt's runtime tells it: JSON there, a dataclass here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Report:
    """The fatal problem that ended a launch."""

    kind: str  # "barrier_divergence", "endless_loop", "illegal_address", ...
    error: int  # the CUDA error code that every later call returns, such as 719
    kernel: str
    file: str = ""  # where the kernel was launched
    line: int = 0
    block: tuple[int, ...] = ()  # (x, y, z)
    threads: str = ""  # those concerned, such as "(36,0,0)..(63,0,0)"
    message: str = ""  # the cause, in a sentence
    details: list[str] = field(default_factory=list)  # more, a line each

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """Reads what simt_last_report() returned. Raises ValueError if that is no report."""
        try:
            fields = json.loads(text)
        except (ValueError, TypeError) as error:
            raise ValueError(f"This is not a report of simt: {error}") from None
        if not isinstance(fields, dict) or not isinstance(fields.get("kind"), str):
            raise ValueError("This is not a report of simt: it has no kind")
        details = fields.get("details")
        block = fields.get("block")
        return cls(
            kind=fields["kind"],
            error=_integer(fields.get("error")),
            kernel=str(fields.get("kernel") or ""),
            file=str(fields.get("file") or ""),
            line=_integer(fields.get("line")),
            block=tuple(_integer(i) for i in block) if isinstance(block, list) else (),
            threads=str(fields.get("threads") or ""),
            message=str(fields.get("message") or ""),
            details=[str(line) for line in details] if isinstance(details, list) else [],
        )

    def text(self) -> str:
        """The report for people:

        simt: BARRIER DIVERGENCE in kernel early_ret, launched at prog.cu:30
          block (1,0,0), threads (36,0,0)..(63,0,0): they wait at a barrier that ...
          (more lines)
        """
        title = f"simt: {self.kind.replace('_', ' ').upper()}"
        if self.kernel:
            title += f" in kernel {self.kernel}"
        if self.file:
            title += f", launched at {self.file}" + (f":{self.line}" if self.line else "")
        places = []
        if self.block:
            places.append(f"block ({','.join(map(str, self.block))})")
        if self.threads:
            places.append(f"{'threads' if '..' in self.threads else 'thread'} {self.threads}")
        place = ", ".join(places)
        cause = ": ".join(part for part in (place, self.message) if part)
        return "\n  ".join([title, *([cause] if cause else []), *self.details])


def _integer(value: Any) -> int:
    return value if isinstance(value, int) else 0
