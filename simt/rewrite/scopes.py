"""Where each token is: at file scope or in a function, on the host or on the device."""

from __future__ import annotations

from dataclasses import dataclass

from simt.rewrite.tokens import Source


@dataclass(frozen=True)
class Scope:
    """One pair of braces."""

    kind: str  # "namespace", "class" or "function" (and anything else in braces)
    device: bool = False  # a __global__ or __device__ function
    host: bool = False  # a __host__ function; it may be both


Nest = tuple[Scope, ...]


def in_function(nest: Nest) -> bool:
    return any(scope.kind == "function" for scope in nest)


def may_be_on_device(nest: Nest) -> bool:
    return any(scope.device for scope in nest)


def only_on_device(nest: Nest) -> bool:
    return any(scope.device and not scope.host for scope in nest)


def find_scopes(source: Source) -> list[Nest]:
    """For each token the braces around it, outermost first.

    The body of a #define counts as a host function: that is where macros are used. After #else the
    braces opened since its #if are forgotten, since only one of the branches will be compiled.
    """
    macro: Nest = (Scope("function"),)
    nest: Nest = ()
    nests: list[Nest] = []
    conditionals: list[Nest] = []  # the nest at each open #if
    head: list[str] = []  # what came before a brace: `namespace ns`, `__global__ void k(int n)`
    for i, token in enumerate(source.tokens):
        nests.append(macro if token.directive else nest)
        if token.directive:
            starts = i == 0 or source.tokens[i - 1].directive != token.directive
            if starts:
                nest = _after_directive(source.at(i + 1), nest, conditionals)
        elif token.text == "{":
            nest = (*nest, _scope(head))
            head = []
        elif token.text == "}":
            nest = nest[:-1]
            head = []
        elif token.text == ";":
            head = []
        else:
            head.append(token.text)
    return nests


def plain_functions(source: Source) -> set[str]:
    """The names of the file's functions that are declared with nothing but `void` and the like.

    No word before the name could be a macro that stands for __global__.
    """
    found, head = set(), []
    nests = find_scopes(source)
    for i, token in enumerate(source.tokens):
        if token.directive:
            continue
        if token.text in ("{", "}", ";"):
            opening = head.index("(") if "(" in head else 0
            words = set(head[: max(0, opening - 1)])
            defines = token.text == "{" and "void" in words and not in_function(nests[i])
            if defines and words <= {"void", "static", "inline", "extern"}:
                found.add(head[opening - 1])
            head = []
        else:
            head.append(token.text)
    return found


def _scope(head: list[str]) -> Scope:
    if "namespace" in head or (len(head) == 2 and head[0] == "extern"):  # extern "C" {
        return Scope("namespace")
    if "(" not in head and any(word in head for word in ("class", "struct", "union")):
        return Scope("class")
    return Scope("function", "__global__" in head or "__device__" in head, "__host__" in head)


def _after_directive(directive: str, nest: Nest, conditionals: list[Nest]) -> Nest:
    if directive in ("if", "ifdef", "ifndef"):
        conditionals.append(nest)
    elif directive in ("else", "elif") and conditionals:
        return conditionals[-1]
    elif directive == "endif" and conditionals:
        conditionals.pop()
    return nest
