"""A program's source, to be shown: its lines by their names, and its functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from simt.lines import place
from simt.rewrite.tokens import Source, Token, angles_forward, match_backward, match_forward
from simt.sources import SourceTree


@dataclass(frozen=True)
class Function:
    """Where a function stands in a file."""

    name: str
    file: str  # "gpt.cu"
    first: int  # its lines, from 1
    last: int


class Sources:
    """The text of the user's files: sources, and what they include. Raises CompileError for one
    that cannot be read."""

    def __init__(self, sources: Sequence[Path], include_dirs: Sequence[Path] = ()):
        self._text: dict[str, str] = {}
        for file in SourceTree(sources, include_dirs).files.values():
            # Bytes that are not UTF-8 are shown as such, and harm no one.
            data = file.text.encode(errors="surrogateescape")
            self._text.setdefault(file.path.name, data.decode(errors="replace"))
        self._lines = {name: text.split("\n") for name, text in self._text.items()}

    def text(self, line: str) -> str:
        """The code of a line, by its name such as "gpt.cu:31"; "" if there is none."""
        file, at = place(line)
        code = self._lines.get(file, [])
        return code[at - 1].rstrip() if 0 < at <= len(code) else ""

    def code(self, file: str) -> str:
        """The whole text of a file."""
        return self._text[file]

    def functions(self, kernel: str, lines: Collection[str]) -> list[Function]:
        """The functions that hold these lines, and the kernel of that name; its file first."""
        wanted: dict[str, set[int]] = {}
        for line in lines:
            file, at = place(line)
            wanted.setdefault(file, set()).add(at)
        base = kernel.split("<")[0].rpartition("::")[2].strip()
        found = [
            function
            for file, text in self._text.items()
            for function in find_functions(text, file)
            if function.name == base
            or any(function.first <= at <= function.last for at in wanted.get(file, ()))
        ]
        home = {function.file for function in found if function.name == base}
        return sorted(found, key=lambda function: function.file not in home)


def find_functions(text: str, file: str) -> list[Function]:
    """All functions with a body, in order; those of namespaces and classes too."""
    tokens = [token for token in Source(text).tokens if not token.directive]
    found = []
    start = i = 0  # start: of the declaration that i is in
    while i < len(tokens):
        word = tokens[i].text
        access = word == ":" and tokens[i - 1].text in ("public", "private", "protected")
        if access or word in (";", "}"):
            start = i + 1
        elif word in ("(", "["):
            i = match_forward(tokens, i)
        elif word == "{":
            header = _without_template(tokens[start:i])
            if _is_scope(header):
                start = i + 1
            else:
                end = min(match_forward(tokens, i), len(tokens) - 1)
                if name := _function_name(header):
                    first = text.count("\n", 0, tokens[start].start) + 1
                    last = text.count("\n", 0, tokens[end].start) + 1
                    found.append(Function(name, file, first, last))
                    start = end + 1
                i = end
        i += 1
    return found


def _without_template(header: list[Token]) -> list[Token]:
    while len(header) > 1 and header[0].text == "template" and header[1].text == "<":
        header = header[angles_forward(header, 1) + 1 :]
    return header


def _is_scope(header: list[Token]) -> bool:
    """namespace a {, extern "C" {, struct A : B {"""
    if not header:
        return False
    words = [token.text for token in header]
    linkage = words[0] == "extern" and header[-1].kind == "string"
    return linkage or "namespace" in words[:2] or words[0] in ("struct", "class", "union")


def _function_name(header: list[Token]) -> str:
    """The word before the last parentheses: those of the parameters. "" if there are none."""
    closing = [i for i, token in enumerate(header) if token.text == ")"]
    before = match_backward(header, closing[-1]) - 1 if closing else -1
    name = header[before].text if before >= 0 else ""
    return "operator()" if name == ")" else name
