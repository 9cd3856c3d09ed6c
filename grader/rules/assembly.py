"""Inline assembly in gpt.cu and its own headers.

The statement and the label (`asm("name")` behind a declaration) alike: with either, code calls what
it likes. Where the rubric allows it, what reads files while it is assembled is refused as well.
"""

import re
from collections.abc import Iterator

from grader.rules.broken import Broken
from grader.rules.sources import SourceFile, Sources
from simt.rewrite.tokens import Token, match_forward

RULE = "assembly"
WORDS = ("asm", "__asm", "__asm__")
READS = re.compile(r"\.\s*(incbin|include|macro|irpc?|rept|altmacro)\b", re.IGNORECASE)


def check(sources: Sources, allowed: bool) -> list[Broken]:
    """All that breaks the rule. allowed: by the rubric, so that only what reads files does."""
    found: list[Broken] = []
    macros = _pasting(sources)
    for file in sources.files.values():
        for i, token in enumerate(file.tokens):
            if token.text in WORDS and token.kind == "name":
                if not allowed:
                    found.append(file.broken(RULE, token, f"inline assembly ({token.text})"))
                elif reads := READS.search(_strings(file, i)):
                    text = f"{reads[0]} in inline assembly: it may not read files"
                    found.append(file.broken(RULE, token, text))
            elif token.text in macros and not allowed and _pastes(file, i):
                found.append(file.broken(RULE, token, "inline assembly, its name put together"))
    return found


def _strings(file: SourceFile, i: int) -> str:
    """The text of the strings of an asm statement, one behind the other."""
    start = next((j for j in range(i, len(file.tokens)) if file.tokens[j].text == "("), i)
    end = match_forward(file.tokens, start)
    parts = [t.text.partition('"')[2][:-1] for t in file.tokens[start:end] if t.kind == "string"]
    text = "".join(parts).encode(errors="replace")
    try:
        return text.decode("unicode_escape")  # "\x2e" is a dot
    except UnicodeDecodeError:
        return text.decode(errors="replace")


def _pasting(sources: Sources) -> set[str]:
    """Macros that put names together by ##, and those that use such a macro."""
    bodies: dict[str, set[str]] = {}
    for file in sources.files.values():
        for directive in file.directives:
            if directive.name == "define" and directive.rest:
                name, *body = (token.text for token in directive.rest)
                bodies.setdefault(name, set()).update(body)
    found = {name for name, body in bodies.items() if "##" in body}
    while more := {name for name, body in bodies.items() if body & found} - found:
        found |= more
    return found


def _pastes(file: SourceFile, i: int) -> bool:
    """Whether arguments of a macro's use, one behind the other, give asm; or tokens around ##."""
    if file.tokens[i].directive and i >= 1 and file.tokens[i - 1].text == "define":
        number = file.tokens[i].directive
        body = [t for t in file.tokens[i:] if t.directive == number]
        return any(_joined([a, b]) for a, b in _around(body))
    if i + 1 >= len(file.tokens) or file.tokens[i + 1].text != "(":
        return False
    arguments = [t for t in file.tokens[i + 2 : match_forward(file.tokens, i + 1)]]
    names = [t for t in arguments if t.text != ","]
    return any(_joined(names[a:b]) for a in range(len(names)) for b in range(a + 2, a + 4))


def _around(body: list[Token]) -> Iterator[tuple[Token, Token]]:
    for i in range(1, len(body) - 1):
        if body[i].text == "##":
            yield body[i - 1], body[i + 1]


def _joined(tokens: list[Token]) -> bool:
    return len(tokens) > 1 and "".join(t.text for t in tokens) in WORDS
