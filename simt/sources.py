"""Source files made ready for the C++ compiler: they and their local includes, rewritten."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simt.compiler import INCLUDE, CompileError
from simt.rewrite import RewriteError, kernel_templates, rewrite
from simt.rewrite.includes import find_includes
from simt.rewrite.tokens import Source


@dataclass
class SourceFile:
    """A file of the user: a source, or a header that one of them includes."""

    path: Path
    shown: str  # its name in messages: the path as the user gave it
    text: str
    includes: list[tuple[int, int, Path]] = field(default_factory=list)  # spans of the text


class SourceTree:
    """The sources and, found through them, their local includes.

    An include is local if it is found beside the including file or in include_dirs; the headers
    of simt and of the system are not. Raises CompileError for a file that cannot be read.
    """

    def __init__(self, sources: Sequence[Path], include_dirs: Sequence[Path]):
        self.include_dirs = [Path(folder).absolute() for folder in include_dirs]
        self.files: dict[Path, SourceFile] = {}  # by absolute path
        self.sources = [path.absolute() for path in sources]
        for path in sources:
            self._add(path.absolute(), str(path))

    def write(self, folder: Path) -> list[Path]:
        """Writes all files, rewritten, into folder; returns where the sources are.

        A file keeps its name (`folder/0/gpt.cu`), and includes point at the rewritten copies.
        Raises CompileError at what simt cannot run, with file, line and column.
        """
        copies = {path: folder / str(i) / path.name for i, path in enumerate(self.files)}
        templates: dict[str, float] = {}
        for file in self.files.values():
            templates.update(kernel_templates(file.text))
        for path, file in self.files.items():
            text = file.text
            for start, end, included in reversed(file.includes):
                text = f'{text[:start]}"{copies[included]}"{text[end:]}'
            try:
                text = rewrite(text, file.shown, templates)
            except RewriteError as error:
                raise CompileError(_located(file, error)) from None
            copies[path].parent.mkdir()
            copies[path].write_bytes(text.encode(errors="surrogateescape"))
        return [copies[path] for path in self.sources]

    def _add(self, path: Path, shown: str) -> None:
        if path in self.files:
            return
        try:  # bytes that are not UTF-8 pass through as they are; line ends too
            text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
        except OSError as error:
            raise CompileError(f"{shown}: cannot be read: {error.strerror}") from None
        file = self.files[path] = SourceFile(path, shown, text)
        for include in find_includes(Source(text)):
            if found := self._find(include.name, path.parent if include.quoted else None):
                beside = found.parent == path.parent or include.quoted
                name = os.path.join(os.path.dirname(shown), include.name) if beside else str(found)
                self._add(found, name if Path(name).exists() else str(found))
                file.includes.append((include.start, include.end, found))

    def _find(self, name: str, beside: Path | None) -> Path | None:
        """The local file that an include means, in the order in which the compiler looks."""
        for folder in [beside, INCLUDE, *self.include_dirs]:
            if folder and (folder / name).is_file():
                found = Path(os.path.abspath(folder / name))
                return None if INCLUDE in found.parents else found
        return None


def _located(file: SourceFile, error: RewriteError) -> str:
    """The error as a compiler shows one: its place, the line, and a mark below the spot."""
    line = re.split(r"\r?\n", file.text)[error.line - 1]
    indent = re.sub(r"[^\t]", " ", line[: error.column - 1])
    place = f"{file.shown}:{error.line}:{error.column}: error: {error.message}"
    number = f"{error.line:5}"
    return f"{place}\n{number} | {line}\n{' ' * len(number)} | {indent}^\n"
