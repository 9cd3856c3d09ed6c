"""A grading as it goes, for programs: a line of JSON for each event.

{"event": "started", "id": "gelu", "title": "gelu is right at any size"}
{"event": "finished", "check": {...}}        as in the result document, without `output`
{"event": "result", "document": {...}}       the whole of it
"""

import json
from dataclasses import asdict
from typing import TextIO

from grader.framework import Check
from grader.grading import Progress
from grader.results import CheckResult, Result, plain


class JsonLines(Progress):
    """Writes each event at once."""

    def __init__(self, output: TextIO):
        self._output = output

    def started(self, check: Check) -> None:
        self._write(event="started", id=check.id, title=check.title)

    def finished(self, result: CheckResult) -> None:
        self._write(event="finished", check=plain(asdict(result)))

    def ended(self, result: Result) -> None:
        self._write(event="result", document=result.document())

    def _write(self, **event) -> None:
        print(json.dumps(event, allow_nan=False), file=self._output, flush=True)
