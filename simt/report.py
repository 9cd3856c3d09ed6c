"""What went wrong in a program, as simt's runtime tells it: JSON there, a dataclass here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Report:
    """One problem: the fatal one that ended a launch, or one that an instrumented build found."""

    kind: str  # "barrier_divergence", "shared_race", "out_of_bounds", ... (docs/simt.md)
    error: int  # the CUDA error code that every later call returns, such as 719; 0: it went on
    kernel: str = ""  # "" if it happened on the host
    file: str = ""  # where the kernel was launched
    line: int = 0
    block: tuple[int, ...] = ()  # (x, y, z)
    threads: str = ""  # those concerned, such as "(36,0,0)..(63,0,0)"
    at: str = ""  # the line in the kernel, such as "gpt.cu:31"
    message: str = ""  # the cause, in a sentence
    details: list[str] = field(default_factory=list)  # more, a line each
    count: int = 1  # how often it was seen at this place
    problem: bool = True  # False: worth a note, as the program knows of it

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """Reads what simt_last_report() returned. Raises ValueError if that is no report."""
        return cls.from_fields(_parse(text))

    @classmethod
    def from_fields(cls, fields: Any) -> Report:
        """From what its JSON holds. Raises ValueError."""
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
            at=str(fields.get("at") or ""),
            message=str(fields.get("message") or ""),
            details=[str(line) for line in details] if isinstance(details, list) else [],
            count=_integer(fields.get("count")) or 1,
            problem=fields.get("problem") is not False,
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


@dataclass(frozen=True)
class Checked:
    """What a checked program's runtime has found (simt_reports(), or the file of $SIMT_REPORT)."""

    reports: list[Report] = field(default_factory=list)
    kernels: dict[str, int] = field(default_factory=dict)  # that it launched: how often

    @classmethod
    def from_json(cls, text: str | bytes) -> Checked:
        """Raises ValueError if that is not what the runtime writes."""
        fields = _parse(text)
        if not isinstance(fields, dict) or not isinstance(fields.get("reports"), list):
            raise ValueError("These are not reports of simt: there is no list of them")
        kernels = fields.get("kernels")
        return cls(
            [Report.from_fields(one) for one in fields["reports"]],
            {str(k): _integer(n) for k, n in kernels.items()} if isinstance(kernels, dict) else {},
        )


def summary(reports: list[Report]) -> str:
    """All reports for people: the first of each kind in full, the others a line each."""
    problems = [report for report in reports if report.problem]
    by_kind: dict[str, list[Report]] = {}
    for report in problems:
        by_kind.setdefault(report.kind, []).append(report)
    parts = [f"simt: note: {report.message}\n" for report in reports if not report.problem]
    if not problems:
        return "".join([*parts, "simt: no problem found\n"])
    for first, *others in by_kind.values():
        text = first.text()
        if first.count > 1:
            text += f"\n  seen {first.count:,} times here"
        for other in others:
            kernel = f" in {other.kernel}" if other.kernel != first.kernel else ""
            times = f" ({other.count:,} times)" if other.count > 1 else ""
            text += f"\n  also{kernel}: {other.message}{times}"
        parts.append(text + "\n")
    places, kinds = _counted(len(problems), "problem"), _counted(len(by_kind), "kind")
    return "\n".join([*parts, f"simt: {places} of {kinds}\n"])


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"This is not a report of simt: {error}") from None


def _integer(value: Any) -> int:
    return value if isinstance(value, int) else 0
