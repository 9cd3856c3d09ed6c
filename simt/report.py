"""What went wrong in a program, as simt's runtime tells it: JSON there, a dataclass here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from simt.reading import LONGEST, parse

MOST = 2000  # reports of one program, and kernels; the runtime stops at 1000
DETAILS = 100  # lines of a report


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
    among: str = ""  # of a race: threads of one "warp", one "block", or the "grid"

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """Reads what simt_last_report() returned. Raises ValueError if that is no report."""
        return cls.from_fields(_parse(text))

    @classmethod
    def from_fields(cls, fields: Any) -> Report:
        """From what its JSON holds. Raises ValueError."""
        if not isinstance(fields, dict) or not isinstance(fields.get("kind"), str):
            raise ValueError("This is not a report of simt: it has no kind")
        details, block = fields.get("details"), fields.get("block")
        return cls(
            kind=fields["kind"][:LONGEST],
            error=_integer(fields.get("error")),
            kernel=_text(fields.get("kernel")),
            file=_text(fields.get("file")),
            line=_integer(fields.get("line")),
            block=tuple(map(_integer, block[:3])) if isinstance(block, list) else (),
            threads=_text(fields.get("threads")),
            at=_text(fields.get("at")),
            message=_text(fields.get("message")),
            details=[_text(one) for one in details[:DETAILS]] if isinstance(details, list) else [],
            count=max(1, _integer(fields.get("count"))),
            problem=fields.get("problem") is not False,
            among=_text(fields.get("among")),
        )

    @property
    def name(self) -> str:
        """The kind in words: "shared race"."""
        return self.kind.replace("_", " ")

    @property
    def launch(self) -> str:
        """ " in kernel early_ret, launched at prog.cu:30"; "" on the host."""
        kernel = f" in kernel {self.kernel}" if self.kernel else ""
        line = f":{self.line}" if self.line else ""
        return kernel + (f", launched at {self.file}{line}" if self.file else "")

    @property
    def cause(self) -> str:
        """ "block (1,0,0), threads (36,0,0)..(63,0,0): they wait at a barrier that ..." """
        places = []
        if self.block:
            places.append(f"block ({','.join(map(str, self.block))})")
        if self.threads:
            places.append(f"{'threads' if '..' in self.threads else 'thread'} {self.threads}")
        return ": ".join(part for part in (", ".join(places), self.message) if part)

    def text(self) -> str:
        """All of it, for people; simt/report_text.py shows the lines of the source as well.

        simt: BARRIER DIVERGENCE in kernel early_ret, launched at prog.cu:30
          block (1,0,0), threads (36,0,0)..(63,0,0): they wait at a barrier that ...
          (more lines)
        """
        title = f"simt: {self.name.upper()}{self.launch}"
        return "\n  ".join([title, *([self.cause] if self.cause else []), *self.details])


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
        if not isinstance(kernels, dict):
            kernels = {}
        if max(len(fields["reports"]), len(kernels)) > MOST:
            raise ValueError(f"These are not reports of simt: there are more than {MOST}")
        return cls(
            [Report.from_fields(one) for one in fields["reports"]],
            {_text(name): max(0, _integer(n)) for name, n in kernels.items()},
        )


def ranked(reports: Iterable[Report]) -> list[Report]:
    """What explains most comes first; the others may follow from it.

    First what ended a launch; then races, between blocks, between warps, within a warp (and these
    not if the same lines race between warps too: what mends that mends them).
    """
    reports = list(reports)
    wider = {_lines(report) for report in reports if report.among in ("block", "grid")}
    kept = [report for report in reports if report.among != "warp" or _lines(report) not in wider]
    return sorted(kept, key=_weight)


def _weight(report: Report) -> int:
    if report.error:
        return 0
    return {"grid": 1, "block": 2, "warp": 3}.get(report.among, 4)


def _lines(report: Report) -> tuple[str, ...]:
    """Kind, kernel, and the lines that race."""
    return (report.kind, report.kernel, *sorted({d.split(" ")[0] for d in report.details}))


def _parse(text: str | bytes) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"This is not a report of simt: {error}") from None


def _integer(value: Any) -> int:
    return value if type(value) is int else 0


def _text(value: Any) -> str:
    return value[:LONGEST] if isinstance(value, str) else ""
