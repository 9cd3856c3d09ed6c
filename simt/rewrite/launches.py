"""Launches: `kernel<<<grid, block>>>(args)` becomes a call of ::simt::launch."""

from __future__ import annotations

from collections.abc import Mapping

from simt.rewrite.kernels import Kernel, count_arguments, split_list
from simt.rewrite.scopes import Nest, find_scopes, in_function, only_on_device, plain_functions
from simt.rewrite.tokens import (
    CLOSING,
    OPENING,
    Source,
    Token,
    angles_backward,
    match_backward,
    match_forward,
    spelled,
)

# Words before a parenthesis that do not make it a call.
_STATEMENTS = ("if", "while", "for", "switch", "return", "else", "do")


def rewrite_launches(source: Source, kernels: Mapping[str, Kernel]) -> None:
    """Edits every launch. kernels: those of the program, by name.

    `k<<<CFG>>>(ARGS)` -> `::simt::launch(k, "k", ::simt::Config(CFG))(ARGS)`. A template whose
    arguments the compiler still has to deduce from ARGS has no address to pass, and a pointer has
    no default values, so these go in a lambda:
    `::simt::launch([&](auto... a) { return k<8>(a...); }, "k<8>", ...)`.
    """
    nests = find_scopes(source)
    plain = plain_functions(source) - set(kernels)
    for i, token in enumerate(source.tokens):
        if token.text in kernels and _is_plain_call(source, i, nests[i]):
            raise source.error(
                token,
                f"{token.text} is a kernel (__global__), and this calls it like a function: a"
                " kernel is launched, with <<<grid, block>>> before its arguments",
            )
        if not _opens_launch(token) or source.at(i - 1) == "operator":
            continue
        if source.at(i - 1) in plain and source.at(i - 2) not in ("::", ".", "->"):
            raise source.error(
                source.tokens[i - 1],
                f"{source.at(i - 1)} is launched, but it is an ordinary function: a kernel is"
                " declared with __global__ before its type",
            )
        if only_on_device(nests[i]):
            raise source.error(
                token,
                "a kernel launches another kernel here (dynamic parallelism), "
                "which simt cannot do: launch it from the host",
            )
        first = _kernel_start(source, i)
        kernel = source.tokens[first:i]
        before, after = "::simt::launch(", ""
        close, end = _launch_end(source, i)
        parameters = source.macro_parameters(i)
        is_parameter = kernel[-1].text in parameters  # of a macro: any kernel
        if is_parameter or _must_be_called(kernel, kernels, _count_after(source, end)):
            before, after = before + "[&](auto... a) { return ", "(a...); }"
        source.insert(kernel[0].start, before)
        name = _name(kernel, parameters)
        source.replace(token, f"{after}, {name}, ::simt::Config(")
        source.replace_span(source.tokens[close].start, source.tokens[end].end, "))")


def _is_plain_call(source: Source, i: int, nest: Nest) -> bool:
    """Whether the name there is called: `k(a)`, as a statement of a function."""
    if source.at(i + 1) != "(" or not in_function(nest) or source.tokens[i].directive:
        return False
    return source.at(i - 1) in (";", "{", "}")


def _kernel_start(source: Source, launch: int) -> int:
    """The index at which the expression before `<<<` starts: `ns::k<T>`, `(*f)`, `table[i].k`."""
    tokens, i = source.tokens, launch - 1
    while i >= 0 and tokens[i].directive == tokens[launch].directive:
        text = tokens[i].text
        if text in (">", ">>", ">>>"):
            i = angles_backward(tokens, i) - 1
            continue
        if text == "]":
            i = match_backward(tokens, i) - 1
            continue
        if text == ")":
            i = match_backward(tokens, i)
            if i < 0:
                break
            if _is_call(source, i):
                i -= 1
                continue
        elif tokens[i].kind != "name":
            break
        # i is at a whole name or parenthesis: does something come before it?
        if source.at(i - 1) == "template":
            i -= 1
        if source.at(i - 1) == "::" and not _ends_name(source, i - 2):
            return i - 1  # the global ::k
        if source.at(i - 1) not in ("::", ".", "->", "##"):
            return i
        i -= 2
    raise source.error(tokens[launch], "a launch needs a kernel before its <<<")


def _ends_name(source: Source, i: int) -> bool:
    """Whether a name ends at index i, so that what follows goes on from it: `ns`, `A<int>`."""
    is_name = i >= 0 and source.tokens[i].kind == "name" and source.at(i) not in _STATEMENTS
    return is_name or source.at(i) in (">", ">>", ">>>")


def _is_call(source: Source, opening: int) -> bool:
    """Whether the parenthesis there holds arguments: `f(a)`, `f<3>(a)`, `f(a)(b)`."""
    before = source.at(opening - 1)
    if before in (")", "]"):  # `if (a) (b)` is no call
        start = match_backward(source.tokens, opening - 1)
        return source.at(start - 1) not in _STATEMENTS
    return _ends_name(source, opening - 1)


def _opens_launch(token: Token) -> bool:
    """Whether the token is `<<<`, which some formatters write as `<< <`."""
    return token.text.startswith("<<") and token.text.endswith("<") and len(token.text) > 2


def _launch_end(source: Source, launch: int) -> tuple[int, int]:
    """The indices of the first and the last token of the `>>>`, or `>> >`, of a launch."""
    i, end = launch + 1, source.directive_end(launch)
    while i < end:
        text = source.at(i)
        if text == ">>>":
            return i, i
        if text == ">>" and source.at(i + 1) == ">":
            return i, i + 1
        if text in CLOSING or text == ";" or _opens_launch(source.tokens[i]):
            break
        i = match_forward(source.tokens, i) + 1 if text in OPENING else i + 1
    raise source.error(source.tokens[launch], "launch without its >>>")


def _name(kernel: list[Token], parameters: frozenset[str]) -> str:
    """The kernel as a string literal. In a macro its parameters are put in by the preprocessor."""
    if not any(token.text in parameters for token in kernel):
        text = spelled(kernel).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    pieces = []
    for token in kernel:
        if token.text in parameters:
            pieces.append("#" + token.text)
        elif token.text != "##":
            pieces.append('"' + token.text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return " ".join(pieces)


def _count_after(source: Source, end: int) -> int:
    """How many arguments follow the `>>>` at end."""
    close = match_forward(source.tokens, end + 1)
    return len(split_list(source.tokens[end + 2 : close]))


def _must_be_called(kernel: list[Token], kernels: Mapping[str, Kernel], arguments: int) -> bool:
    """Whether the launch leaves out template arguments, or arguments that have a default value."""
    given = 0.0
    if kernel[-1].text in (">", ">>", ">>>"):
        opening = angles_backward(kernel, len(kernel) - 1)
        given = count_arguments(kernel[opening + 1 : -1])
        kernel = kernel[:opening]
    is_name = kernel[-1].kind == "name" and all(
        token.kind == "name" or token.text == "::" for token in kernel
    )
    if not is_name or kernel[-1].text not in kernels:
        return False
    known = kernels[kernel[-1].text]
    return given < known.template_size or known.required <= arguments < len(known.parameters)
