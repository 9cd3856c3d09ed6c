"""gpt.cu and the headers of the submission that it includes, as tokens.

What the compiler would see must be seen here. So lines that go on after a backslash are joined
first, and what stands after a plain `#if 0` is left out; other branches are all read.
"""

import functools
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.rules.broken import Broken
from mingpt.paths import INCLUDE as GIVEN
from simt.compiler import INCLUDE as SIMT
from simt.compiler import CompileError, find_compiler
from simt.rewrite.includes import Include, find_includes
from simt.rewrite.tokens import Source, Token

MOST_BYTES = 1 << 20  # of one file
MOST_FILES = 100

_SPLICE = re.compile(r"\\[^\S\n]*\n")
# simt leaves a dead branch out in its own, quicker way, which a comment can lead astray.
_DEAD = re.compile(r"(#[^\S\n]*if[^\S\n]+)0(?!\w)")


@dataclass(frozen=True)
class Directive:
    """`#name ...`: the index of its `#` among the tokens, and what follows the name."""

    name: str
    token: Token  # the #
    rest: tuple[Token, ...]


class SourceFile:
    """A file's tokens (those of dead branches left out), directives and includes."""

    def __init__(self, name: str, text: str):
        self.name = name
        self.text = _SPLICE.sub("", text)
        removed, self._splices = 0, []
        for match in _SPLICE.finditer(text):
            self._splices.append(match.start() - removed)
            removed += match.end() - match.start()
        source = Source(_DEAD.sub(r"\g<1>1", self.text))
        dead = list(_dead_ranges(source.tokens, self.text))
        self.tokens = [t for t in source.tokens if not _within(t.start, dead)]
        self.directives = list(_directives(self.tokens))
        self.includes: list[Include] = [
            include for include in find_includes(source) if not _within(include.start, dead)
        ]

    def line(self, offset: int) -> int:
        """The line, from 1, of an offset in the joined text."""
        joined = sum(1 for splice in self._splices if splice <= offset)
        return 1 + self.text.count("\n", 0, offset) + joined

    def broken(self, rule: str, token: Token | int, text: str) -> Broken:
        """A rule that is broken at a token, or at an offset."""
        offset = token if isinstance(token, int) else token.start
        return Broken(rule, self.name, self.line(offset), text)

    def split_raw_strings(self) -> Iterator[Token]:
        """Raw strings in which a line goes on after a backslash: it doesn't, there. What else such
        a file holds can't be told from this text."""
        for token in self.tokens:
            raw = token.kind == "string" and 'R"' in token.text[:4]
            if raw and any(token.start < splice < token.end for splice in self._splices):
                yield token


def read(path: Path, name: str) -> SourceFile:
    """Raises OSError, and ValueError for a file that is no source: too large, or binary."""
    if not path.is_file():
        raise ValueError("it is not a plain file")
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 20} MB: is it a source file?")
    if b"\0" in data:
        raise ValueError("it holds a NUL byte: is it saved as UTF-8 text?")
    return SourceFile(name, data.decode("utf-8-sig", errors="surrogateescape"))


class Sources:
    """All files of a submission that its gpt.cu is made of: `files`, and what is `broken` already.

    folder: the submission's. Only files in it are read; what its includes name elsewhere is for
    includes.py to judge.
    """

    def __init__(self, folder: Path):
        self.folder = Path(os.path.realpath(folder))
        self.files: dict[Path, SourceFile] = {}
        self.broken: list[Broken] = []
        self._add(self.folder / "gpt.cu")
        for path in self._shadows():
            self._add(path)

    def find(self, include: Include, file: SourceFile) -> Path | None:
        """The file that an include means if it is the submission's, or lies outside where the
        compiler would find it all the same. None: one of the headers that are given, or of the
        system."""
        beside = (self.folder / file.name).parent if include.quoted else self.folder
        path = Path(os.path.realpath(beside / include.name))
        try:
            return path if path.is_file() else None
        except (OSError, ValueError):  # a name too long for a file's, or with a NUL in it
            return None

    def is_inside(self, path: Path) -> bool:
        return self.folder in path.parents

    def is_given(self, name: str) -> bool:
        """Whether it is a header that the workbook gives: gpt.h, decoder.h, ..."""
        return "/" not in name and (GIVEN / name).is_file()

    def _add(self, path: Path) -> None:
        if path in self.files or len(self.files) >= MOST_FILES:
            return
        name = path.relative_to(self.folder).as_posix()
        try:
            file = self.files[path] = read(path, name)
        except (OSError, ValueError) as error:
            self.broken.append(Broken("includes", name, 0, f"it can't be read: {error}"))
            return
        for include in file.includes:
            found = self.find(include, file)
            if found and self.is_inside(found):
                self._add(found)

    def _shadows(self) -> Iterator[Path]:
        """Files that the compiler may take for a header of its own: one that it includes by that
        name, it may look for in the submission first."""
        system = (SIMT, *system_folders())
        for parent, folders, names in os.walk(self.folder, followlinks=True):
            here = Path(parent).relative_to(self.folder)
            folders[:] = [f for f in folders if any((s / here / f).is_dir() for s in system)]
            for name in names:
                if any((s / here / name).is_file() for s in system):
                    yield self.folder / here / name


@functools.cache
def system_folders() -> tuple[Path, ...]:
    """Where the C++ compiler looks for headers."""
    try:
        command = [*find_compiler().command, "-E", "-v", "-x", "c++", os.devnull]
        said = subprocess.run(command, capture_output=True, text=True, timeout=20).stderr
    except (CompileError, OSError, subprocess.SubprocessError):
        return ()
    listed = said.partition("<...> search starts here:")[2].partition("End of search")[0]
    return tuple(Path(line.strip()) for line in listed.splitlines() if line.strip())


def _directives(tokens: list[Token]) -> Iterator[Directive]:
    i = 0
    while i < len(tokens):
        start, number = i, tokens[i].directive
        i += 1
        if not number:
            continue
        while i < len(tokens) and tokens[i].directive == number:
            i += 1
        part = tokens[start + 1 : i]
        yield Directive(part[0].text if part else "", tokens[start], tuple(part[1:]))


def _dead_ranges(tokens: list[Token], text: str) -> Iterator[tuple[int, int]]:
    """Offsets from behind a plain `#if 0` to the #else, #elif or #endif that ends it."""
    depth, start = 0, -1
    for directive in _directives(tokens):
        name, rest = directive.name, directive.rest
        if start < 0:
            if name == "if" and len(rest) == 1 and text[rest[0].start : rest[0].end] == "0":
                depth, start = 0, rest[0].end
        elif name in ("if", "ifdef", "ifndef"):
            depth += 1
        elif depth == 0 and (name == "endif" or name.startswith("el")):
            yield start, directive.token.start
            start = -1
        elif name == "endif":
            depth -= 1
    if start >= 0:
        yield start, len(text)


def _within(offset: int, ranges: list[tuple[int, int]]) -> bool:
    return any(start <= offset < end for start, end in ranges)
