"""Shared memory: each `__shared__` declaration becomes a reference to memory of the block."""

from __future__ import annotations

from dataclasses import dataclass, field

from simt.rewrite.scopes import find_scopes, in_function
from simt.rewrite.tokens import (
    OPENING,
    Source,
    Token,
    angles_forward,
    match_forward,
    spelled,
)

_STATEMENT_STARTS = (";", "{", "}", ":")
_ALIGNMENTS = ("alignas", "__align__", "_Alignas")


@dataclass
class Declarator:
    """The `*a[N][M]` of a declaration, as token indices."""

    first: int
    name: int
    end: int  # its comma or semicolon, or the end of the macro


@dataclass
class Declaration:
    """`extern __shared__ alignas(16) float a[N], b;`"""

    dropped: list[Token] = field(default_factory=list)  # __shared__, extern, static, alignas(16)
    type: list[Token] = field(default_factory=list)  # float
    is_extern: bool = False
    alignment: str = ""  # 16
    declarators: list[Declarator] = field(default_factory=list)


def rewrite_shared(source: Source) -> None:
    """Edits every `__shared__` declaration; each line of it stays where it is.

    In a function, `__shared__ T a[N];` becomes a type, a static that stands for this declaration,
    and a reference that each thread binds to the memory of its own block::

        typedef T simt_t_a[N]; static ::simt::SharedSite simt_s_a{"a"};
        simt_t_a& a = ::simt::shared<simt_t_a>(simt_s_a);
    """
    nests = find_scopes(source)
    i = 0
    while i < len(source.tokens):
        if source.at(i) == "__shared__" and not _is_only_named(source, i):
            declaration = _parse(source, i)
            for token in declaration.dropped:
                source.replace(token, "")
            edit = _edit_dynamic if declaration.is_extern else _edit_static
            edit(source, declaration, in_function(nests[i]))
            i = declaration.declarators[-1].end
        i += 1


def _is_only_named(source: Source, i: int) -> bool:
    """`#define __shared__`, `#ifdef __shared__`: a directive about the word itself."""
    if not source.tokens[i].directive:
        return False
    return source.at(i - 1) in ("define", "undef", "ifdef", "ifndef", "defined", "(")


# ------------------------------------------------------------------------------ the new text


def _edit_static(source: Source, declaration: Declaration, in_function: bool) -> None:
    tokens, start = source.tokens, declaration.type[0].start
    for declarator in declaration.declarators:
        name = source.at(declarator.name)
        text, paste = _as_string(source, declarator)
        new_type, site = f"simt_t_{paste}{name}", f"simt_s_{paste}{name}"
        align = f", {declaration.alignment}" if declaration.alignment else ""
        if in_function:
            new = (
                f"; static ::simt::SharedSite {site}{{{text}}}; "
                f"{new_type}& {name} = ::simt::shared<{new_type}{align}>({site})"
            )
        else:
            new = f"; static ::simt::FileShared<{new_type}{align}> {name}{{{text}}}"
        source.replace(tokens[declarator.name], new_type)
        source.insert(tokens[declarator.end - 1].end, new)
        _begin(source, declaration, declarator, start, "typedef ")


def _edit_dynamic(source: Source, declaration: Declaration, in_function: bool) -> None:
    tokens, start = source.tokens, declaration.type[0].start
    for declarator in declaration.declarators:
        name, (text, _) = source.at(declarator.name), _as_string(source, declarator)
        if source.at(declarator.name + 1) != "[":
            raise source.error(
                tokens[declarator.name],
                "extern __shared__ memory is an array without a size, "
                f"such as: extern __shared__ float {name}[];",
            )
        stars = tokens[declarator.first : declarator.name]
        extents = match_forward(tokens, declarator.name + 1) + 1  # after the first, the open one
        type_text = spelled(declaration.type + stars)
        inner = spelled(tokens[extents : declarator.end])  # [32] of s[][32]
        for token in tokens[declarator.name + 1 : declarator.end]:
            source.replace(token, "")
        if in_function:
            pointer = f"(* const {name}){inner}" if inner else f"* const {name}"
            source.replace(tokens[declarator.name], f"{pointer} = ")
            new = f"::simt::dynamic_shared<{type_text}{inner}>({text})"
            _begin(source, declaration, declarator, start, "")
        else:
            source.replace(tokens[declarator.name], f"{inner}> {name}{{{text}}}")
            new = ""
            opening = "static const ::simt::DynamicShared<"
            _begin(source, declaration, declarator, start, opening)
        source.insert(tokens[declarator.end - 1].end, new)


def _as_string(source: Source, declarator: Declarator) -> tuple[str, str]:
    """The name as a string, and what pastes it to another word: it may be a macro's argument."""
    name = source.at(declarator.name)
    if name in source.macro_parameters(declarator.name):
        return f"#{name}", "##"
    return f'"{name}"', ""


def _begin(
    source: Source, declaration: Declaration, declarator: Declarator, start: int, text: str
) -> None:
    """Starts a declarator's own declaration: the first has the type before it, others repeat it."""
    if declarator is declaration.declarators[0]:
        source.insert(start, text)
    else:
        comma = source.tokens[declarator.first - 1]
        source.replace(comma, f"; {text}{spelled(declaration.type)} ")


# -------------------------------------------------------------------------- reading the old


def _parse(source: Source, shared: int) -> Declaration:
    """Reads the declaration around the `__shared__` at that index."""
    tokens, directive = source.tokens, source.tokens[shared].directive
    first = shared
    while (
        first > 0
        and source.at(first - 1) not in _STATEMENT_STARTS
        and tokens[first - 1].directive == directive
        and not (directive and _is_macro_head(source, first - 1))
    ):
        first -= 1
    declaration = Declaration()
    name = _parse_specifiers(source, first, declaration)
    end = source.directive_end(shared)
    stars = name
    while declaration.type and declaration.type[-1].text in ("*", "&"):
        declaration.type.pop()
        stars -= 1
    while True:
        if not declaration.type or name >= end or tokens[name].kind != "name":
            message = "__shared__ without a type and a name after it: write float tile[32];"
            raise source.error(tokens[shared], message)
        close = _declarator_end(source, name, end)
        declaration.declarators.append(Declarator(stars, name, close))
        if source.at(close) != "," or close >= end:
            return declaration
        stars = name = close + 1
        while source.at(name) in ("*", "&", "const"):
            name += 1


def _parse_specifiers(source: Source, i: int, declaration: Declaration) -> int:
    """Reads type and specifiers from index i on; returns the index of the first declared name."""
    tokens = source.tokens
    end = source.directive_end(i)
    while i < end:
        text = source.at(i)
        following = source.at(i + 1) if i + 1 < end else ";"
        if text in ("__shared__", "static", "extern", *_ALIGNMENTS):
            last = match_forward(tokens, i + 1) if text in _ALIGNMENTS else i
            if text in _ALIGNMENTS:
                declaration.alignment = spelled(tokens[i + 2 : last])
            declaration.is_extern |= text == "extern"
            declaration.dropped += tokens[i : last + 1]
        elif tokens[i].kind == "name" and declaration.type and following in "[,;={":
            if not (following == "{" and declaration.type[-1].text in ("struct", "union")):
                return i
            last = i
            declaration.type.append(tokens[i])
        elif text == "<" or text in OPENING:
            last = angles_forward(tokens, i) if text == "<" else match_forward(tokens, i)
            declaration.type += tokens[i : last + 1]
        elif text in (";", ","):
            break
        else:
            last = i
            declaration.type.append(tokens[i])
        i = last + 1
    return end


def _declarator_end(source: Source, name: int, end: int) -> int:
    i = name + 1
    while i < end and source.at(i) not in (",", ";"):
        if source.at(i) in ("=", "{", "("):
            raise source.error(
                source.tokens[name],
                f"shared memory has no initial value: declare {source.at(name)} alone, "
                "then let threads write it before a __syncthreads()",
            )
        if source.at(i) == "[":
            opening, i = i, match_forward(source.tokens, i)
            if i >= end:
                raise source.error(source.tokens[opening], "[ without its ]")
        i += 1
    return i


def _is_macro_head(source: Source, i: int) -> bool:
    """Whether the token ends `#define NAME` or `#define NAME(a, b)`."""
    tokens = source.tokens
    if source.at(i - 1) == "define":
        return True
    if source.at(i) != ")":
        return False
    opening = i
    while opening > 0 and source.at(opening) != "(":
        opening -= 1
    return source.at(opening - 2) == "define" and tokens[opening].start == tokens[opening - 1].end
