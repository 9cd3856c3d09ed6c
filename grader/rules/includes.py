"""What gpt.cu and its own headers include: headers on a list, named as they are.

And the other ways in which a text steers the preprocessor or the linker: #embed, #line, some
pragmas and attributes, digraphs.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from grader.rules.broken import Broken, words
from grader.rules.sources import Directive, SourceFile, Sources
from simt.rewrite.includes import Include
from simt.rewrite.tokens import Token, match_forward

RULE = "includes"

ALLOWED = words("headers")
# Whole folders of CUDA's: libcu++, cooperative groups, cub, Thrust. (None has a matrix product.)
FAMILIES = re.compile(r"(cuda|cooperative_groups|cub|thrust|nv|nvtx3)/[\w./-]+")
# CPU vector units, for what the host does; they are the compiler's own.
INTRINSICS = re.compile(r"(x86|[a-z]{1,3}mm)intrin\.h")

YOURSELF = "what it computes is what you are to write yourself"
REASONS = {  # by how a header's name begins
    "cublas": f"cuBLAS is not allowed: {YOURSELF}",
    "cudnn": f"cuDNN is not allowed: {YOURSELF}",
    "cutlass": f"CUTLASS is not allowed: {YOURSELF}",
    "cute/": f"CuTe is not allowed: {YOURSELF}",
    "torch": f"torch is not allowed in gpt.cu: {YOURSELF}",
    "ATen": f"torch is not allowed in gpt.cu: {YOURSELF}",
    "c10": f"torch is not allowed in gpt.cu: {YOURSELF}",
    "dlfcn.h": "loading other libraries is not allowed",
    "thread": "starting threads is not allowed: parallel work belongs in a kernel",
    "future": "starting threads is not allowed: parallel work belongs in a kernel",
    "pthread": "starting threads is not allowed: parallel work belongs in a kernel",
    "omp.h": "starting threads is not allowed: parallel work belongs in a kernel",
    "fstream": "a submission opens no files (std::cerr and printf are fine)",
    "filesystem": "a submission opens no files",
    "Python.h": "gpt.cu knows nothing of Python: its functions get addresses and sizes",
}
_CONDITIONS = ("if", "ifdef", "ifndef", "elif", "elifdef", "elifndef", "else", "endif")
DIRECTIVES = ("define", "undef", *_CONDITIONS, "include", "pragma", "error", "warning")
PRAGMAS = {  # by their first words: what they would do
    ("GCC", "dependency"): "looks at another file",
    ("GCC", "pch_preprocess"): "loads a precompiled header",
    ("GCC", "plugin"): "loads a compiler plugin",
    ("GCC", "system_header"): "hides the rest of the file from the compiler's warnings",
    ("clang", "module"): "loads a module",
    ("comment",): "steers the linker",
    ("include_alias",): "gives a header another name",
    ("redefine_extname",): "gives a function another name for the linker",
    ("weak",): "gives a function another name for the linker",
}
ATTRIBUTES = ("section", "alias", "weakref", "ifunc", "symver")


def check(sources: Sources) -> list[Broken]:
    """All that breaks the rule, file by file."""
    found = list(sources.broken)
    for file in sources.files.values():
        found += [
            broken for include in file.includes if (broken := _include(sources, file, include))
        ]
        for directive in file.directives:
            found += _directive(sources, file, directive)
        found += _tokens(file)
    return sorted(found, key=lambda broken: (broken.file != "gpt.cu", broken.file, broken.line))


def is_allowed(name: str) -> bool:
    """Whether a header of the system may be included."""
    if name in ALLOWED or INTRINSICS.fullmatch(name):
        return True
    return bool(FAMILIES.fullmatch(name)) and ".." not in name


def _include(sources: Sources, file: SourceFile, include: Include) -> Broken | None:
    found = sources.find(include, file)
    if found and sources.is_inside(found):
        return None
    if found or include.name.startswith(("/", "../")) or "/../" in include.name:
        text = f'"{include.name}" lies outside of your submission'
        return file.broken(RULE, include.start, f"{text}: copy what you need into its folder")
    if sources.is_given(include.name) or is_allowed(include.name):
        return None
    shown = f'"{include.name}"' if include.quoted else f"<{include.name}>"
    because = next((why for name, why in REASONS.items() if include.name.startswith(name)), "")
    if include.quoted and not because:
        because = "there is no such file in your submission, and it is none of the headers allowed"
    because = because or "it is not among the headers that a submission may include"
    return file.broken(RULE, include.start, f"#include {shown}: {because}")


def _directive(sources: Sources, file: SourceFile, directive: Directive) -> Iterator[Broken]:
    name, rest = directive.name, directive.rest

    def broken(text: str) -> Broken:
        return file.broken(RULE, directive.token, text)

    if name and name not in DIRECTIVES:
        shown = name if name.isidentifier() else repr(name)
        yield broken(f"#{shown} is not a directive that a submission may use")
    elif name == "include" and not (rest and rest[0].text[:1] in ("<", '"')):
        yield broken("#include must name its file itself, in quotes or <>, not through a macro")
    elif name == "pragma" and (why := _pragma([token.text for token in rest])):
        yield broken(why)
    for token in rest:
        if token.text in ("__has_include_next", "__has_embed"):
            yield broken(f"{token.text} is not allowed")
        elif token.text == "__has_include" and not _may_ask(sources, file, token):
            yield broken("__has_include may ask only for headers that may be included")


def _may_ask(sources: Sources, file: SourceFile, token: Token) -> bool:
    """Whether what __has_include asks for, behind the token, is a header that may be included."""
    asked = re.match(r"\s*\(?\s*(?:<([^>\n]*)>|\"([^\"\n]*)\")", file.text[token.end :])
    name = asked and (asked[1] or asked[2] or "")
    if not name:
        return False
    if asked[2] and not name.startswith("/"):
        beside = os.path.normpath((sources.folder / file.name).parent / name)
        if sources.is_inside(Path(beside)):
            return True
    return is_allowed(name) or sources.is_given(name)


def _pragma(words: list[str]) -> str:
    """Why a pragma is not allowed; "" if it is. Those that no compiler knows do nothing."""
    for first, why in PRAGMAS.items():
        if tuple(words[: len(first)]) == first:
            return f"#pragma {' '.join(first)} is not allowed: it {why}"
    return ""


def _tokens(file: SourceFile) -> Iterator[Broken]:
    tokens = file.tokens
    for token in file.split_raw_strings():
        yield file.broken(RULE, token, "a raw string may not hold a backslash at the end of a line")
    for i, token in enumerate(tokens):
        following = tokens[i + 1] if i + 1 < len(tokens) else token
        if token.text == "%" and following.text in (":", "::") and following.start == token.end:
            yield file.broken(RULE, token, "write # for the digraph %:")
        elif token.text == "?" and file.text.startswith(("??=", "??/"), token.start):
            yield file.broken(RULE, token, "trigraphs are not allowed")
        elif token.text in ("_Pragma", "__pragma"):
            yield from _pragma_operator(file, i)
        elif token.text in ("__attribute__", "__attribute"):
            inside = tokens[i + 1 : match_forward(tokens, i + 1)]
            yield from _attributes(file, inside)
        elif token.text == "[" and following.text == "[":
            yield from _attributes(file, tokens[i + 1 : match_forward(tokens, i + 1)], "gnu")


def _pragma_operator(file: SourceFile, i: int) -> Iterator[Broken]:
    text = "".join(t.text for t in file.tokens[i + 1 : i + 8] if t.kind == "string")
    words = re.findall(r"\w+", text.removeprefix("L"))
    if why := _pragma(words):
        yield file.broken(RULE, file.tokens[i], why)


def _attributes(file: SourceFile, inside: list[Token], space: str = "") -> Iterator[Broken]:
    """space: the name must be in this namespace, as in [[gnu::section("...")]]."""
    for i, token in enumerate(inside):
        name = token.text.strip("_")
        if token.kind != "name" or name not in ATTRIBUTES:
            continue
        if space and not (i >= 2 and inside[i - 1].text == "::" and space in inside[i - 2].text):
            continue
        text = f"the attribute {name} is not allowed: it steers the linker"
        yield file.broken(RULE, token, text)
