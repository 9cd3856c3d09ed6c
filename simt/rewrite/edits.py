"""Edits of a text that keep its lines, and the way back from the new columns to the old."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """text[start:end] becomes new. Neither holds a line end, so all lines keep their number."""

    start: int
    end: int
    new: str


class EditedText:
    """A text after its edits, which must not overlap."""

    def __init__(self, old: str, edits: list[Edit]):
        pieces: list[str] = []
        self._places = [(0, 0, True)]  # offset in the new text, in the old; whether it was copied
        old_offset = new_offset = 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            copied = old[old_offset : edit.start]
            pieces += [copied, edit.new]
            new_offset += len(copied)
            self._places.append((new_offset, edit.start, False))
            new_offset, old_offset = new_offset + len(edit.new), edit.end
            self._places.append((new_offset, old_offset, True))
        self.text = "".join([*pieces, old[old_offset:]])
        self._old_lines, self._new_lines = _line_starts(old), _line_starts(self.text)

    def original_column(self, line: int, column: int) -> int:
        """The column in the old text of a place in the new; all count from 1.

        A place in text that was put in counts as the place where it was put in.
        """
        if not 1 <= line <= len(self._new_lines):
            return column
        offset = self._new_lines[line - 1] + column - 1
        after = bisect_right(self._places, offset, key=lambda place: place[0])
        new_offset, old_offset, copied = self._places[after - 1]
        original = old_offset + (offset - new_offset if copied else 0)
        return max(1, original - self._old_lines[line - 1] + 1)


def _line_starts(text: str) -> list[int]:
    starts = [0]
    while (end := text.find("\n", starts[-1])) >= 0:
        starts.append(end + 1)
    return starts
