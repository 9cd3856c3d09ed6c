"""CUDA C++ as tokens, with their place in the text, and the edits that the passes make."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simt.rewrite.edits import Edit, EditedText

_TOKEN = re.compile(
    r"""
      (?P<newline>\n)
    | (?P<space>[^\S\n]+|\\[^\S\n]*\n)                         # a continued line is only space
    | (?P<comment>//(?:\\[^\S\n]*\n|[^\n])*|/\*.*?(?:\*/|\Z))
    | (?P<string>(?:u8|[uUL])?(?:R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)"
                               |"(?:\\.|[^"\\\n])*"))
    | (?P<char>(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
    | (?P<name>[A-Za-z_$]\w*)
    | (?P<number>\.?\d(?:[eEpP][+-]|'?[\w.])*)
    | (?P<lone>["'][^\n]*)                                  # never closed: the rest of the line
    | (?P<punct><<[^\S\n]*<|>>>|<<|>>|<=|>=|->|::|\#\#|\.\.\.|.)
    """,
    re.DOTALL | re.VERBOSE,
)

# A branch that is never compiled holds no code: it is read as one comment.
_DEAD_BRANCH = re.compile(r"[^\S\n]*#[^\S\n]*if[^\S\n]+0[^\S\n]*\r?(?=\n|//|/\*)")
_CONDITIONAL = re.compile(r"^[^\S\n]*#[^\S\n]*(if|el|endif)[^\n]*\n?", re.MULTILINE)

OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")


class RewriteError(Exception):
    """A spot that cannot run on a CPU, or is not CUDA C++. line and column count from 1."""

    def __init__(self, line: int, column: int, message: str):
        super().__init__(message)
        self.line, self.column, self.message = line, column, message


@dataclass(frozen=True)
class Token:
    """A name, number, string, char or punct(uation) of the code; lone: a quote without its mate,
    and the rest of its line, as the compiler takes it."""

    kind: str
    text: str
    start: int  # offset in the file
    directive: int = 0  # which preprocessor directive it is in, counted from 1; 0: none

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class Source:
    """The text of a file, its tokens (without spaces and comments), and a list of edits."""

    def __init__(self, text: str):
        self.text = text
        self.tokens = _tokenize(text)
        self._edits: list[Edit] = []

    def at(self, index: int) -> str:
        """The text of a token; "" past either end, so that a pass may look around freely."""
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def insert(self, offset: int, text: str) -> None:
        self._edits.append(Edit(offset, offset, text))

    def replace(self, token: Token, text: str) -> None:
        self.replace_span(token.start, token.end, text)

    def replace_span(self, start: int, end: int, text: str) -> None:
        self._edits.append(Edit(start, end, text))

    def edited(self) -> EditedText:
        return EditedText(self.text, self._edits)

    def error(self, token: Token, message: str) -> RewriteError:
        line_start = self.text.rfind("\n", 0, token.start) + 1
        line = self.text.count("\n", 0, token.start) + 1
        return RewriteError(line, token.start - line_start + 1, message)

    def directive_end(self, index: int) -> int:
        """The index just past the directive that index is in; in plain code, the file's end."""
        directive = self.tokens[index].directive
        if not directive:
            return len(self.tokens)
        while index < len(self.tokens) and self.tokens[index].directive == directive:
            index += 1
        return index

    def macro_parameters(self, index: int) -> frozenset[str]:
        """The parameters of the `#define name(a, b, ...)` whose body the token is in, else none."""
        directive = self.tokens[index].directive
        if not directive:
            return frozenset()
        first = index
        while first > 0 and self.tokens[first - 1].directive == directive:
            first -= 1
        name = first + 2
        if self.at(first + 1) != "define" or self.at(name + 1) != "(":
            return frozenset()
        if self.tokens[name + 1].start != self.tokens[name].end:  # a space: no parameters
            return frozenset()
        close = match_forward(self.tokens, name + 1)
        return frozenset(t.text for t in self.tokens[name + 2 : close] if t.kind == "name")


def match_forward(tokens: list[Token], index: int) -> int:
    """The index of the bracket that closes the one at index; len(tokens) if none does."""
    depth = 0
    for i in range(index, len(tokens)):
        if tokens[i].text in OPENING:
            depth += 1
        elif tokens[i].text in CLOSING:
            depth -= 1
            if depth == 0:
                return i
    return len(tokens)


def match_backward(tokens: list[Token], index: int) -> int:
    """The index of the bracket that opens the one closed at index; -1 if none does."""
    depth = 0
    for i in range(index, -1, -1):
        if tokens[i].text in CLOSING:
            depth += 1
        elif tokens[i].text in OPENING:
            depth -= 1
            if depth == 0:
                return i
    return -1


def angles_forward(tokens: list[Token], index: int) -> int:
    """The index of the token that closes the template list opened by the `<` at index."""
    depth, i = 0, index
    while i < len(tokens):
        text = tokens[i].text
        if text in OPENING:
            i = match_forward(tokens, i)
        elif text == "<":
            depth += 1
        elif text in (">", ">>", ">>>"):
            depth -= len(text)
            if depth <= 0:
                return i
        elif text in (";", *CLOSING):
            break
        i += 1
    return len(tokens)


def angles_backward(tokens: list[Token], index: int) -> int:
    """The index of the `<` that opens the template list closed at index; -1 if none does."""
    depth, i = 0, index
    while i >= 0:
        text = tokens[i].text
        if text in CLOSING:
            i = match_backward(tokens, i)
        elif text in (">", ">>", ">>>"):
            depth += len(text)
        elif text == "<":
            depth -= 1
            if depth <= 0:
                return i
        elif text in (";", *OPENING):
            break
        i -= 1
    return -1


def spelled(tokens: list[Token]) -> str:
    """The tokens on one line: a space only between two words."""
    words = ""
    for token in tokens:
        if words and (words[-1].isalnum() or words[-1] == "_") and token.text[0].isidentifier():
            words += " "
        words += token.text.replace("\\\n", "")  # a string may go on in the next line
    return words


def _tokenize(text: str) -> list[Token]:
    tokens: list[Token] = []
    directives = directive = 0
    line_is_blank = True  # only space and comments so far on this line
    offset = 0
    while offset < len(text):
        if line_is_blank and not directive and (dead := _DEAD_BRANCH.match(text, offset)):
            offset = _branch_end(text, dead.end())
            continue
        match = _TOKEN.match(text, offset)
        assert match is not None  # "." matches anything
        kind, offset = match.lastgroup, match.end()
        if kind == "newline":
            directive, line_is_blank = 0, True
        elif kind not in ("space", "comment"):
            if match.group() == "#" and line_is_blank and not directive:
                directives += 1
                directive = directives
            line_is_blank = False
            tokens.append(Token(kind or "", match.group(), match.start(), directive))
    return tokens


def _branch_end(text: str, offset: int) -> int:
    """The offset of the #else, #elif or #endif line that ends the branch at offset."""
    depth = 0
    for match in _CONDITIONAL.finditer(text, offset):
        if match[1] == "if":
            depth += 1
        elif depth == 0:
            return match.start()
        elif match[1] == "endif":
            depth -= 1
    return len(text)
