"""Which of its branches a program takes that asks for `__CUDA_ARCH__`.

nvcc compiles a file twice: for the GPU, where `__CUDA_ARCH__` is 900 for compute capability 9.0,
and for the host, where it is not defined. simt compiles it once, so each condition is answered by
where it stands:

- in a function that runs on the device only: as for the GPU;
- in another function: as for the host (a `__host__ __device__` function has one body here);
- outside functions: as for the GPU. One without #else that asks whether the macro is defined also
  holds if it does for the host: the program has the functions of both.

A branch with inline PTX is passed over if there is another one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from simt.rewrite.scopes import Nest, find_scopes, in_function, only_on_device
from simt.rewrite.tokens import Source, Token

_ARCH, _VALUE = "__CUDA_ARCH__", "900"
_ASM = ("asm", "__asm__", "__asm")


@dataclass
class _Branch:
    """`#if condition` or the like, and what follows until the next directive of its group."""

    keyword: Token  # if, ifdef, ifndef, elif, else
    condition: list[Token]
    start: int  # the tokens that it holds: [start, end)
    end: int = 0

    def asks(self) -> bool:
        return any(token.text == _ARCH for token in self.condition)

    def asks_whether_defined(self) -> bool:
        words = [self.keyword.text, *(token.text for token in self.condition)]
        return self.asks() and any(word in ("ifdef", "ifndef", "defined") for word in words)


@dataclass
class _Group:
    """The branches from an #if to its #endif."""

    branches: list[_Branch] = field(default_factory=list)

    def has_else(self) -> bool:
        return self.branches[-1].keyword.text == "else"


def answer_architecture(source: Source) -> None:
    """Edits the conditions, and takes from source.tokens the branches that they rule out."""
    if _ARCH not in source.text:
        return
    nests = find_scopes(source)
    dead: set[int] = set()
    for group in _groups(source):
        if any(branch.asks() for branch in group.branches):
            dead |= _answer(source, group, _nest(source, nests, group.branches[0].start))
    in_condition = {t.start for g in _groups(source) for b in g.branches for t in b.condition}
    for i, token in enumerate(source.tokens):  # what is left: code, and the bodies of macros
        if token.text == _ARCH and i not in dead and token.start not in in_condition:
            source.replace(token, _VALUE)
    source.tokens = [token for i, token in enumerate(source.tokens) if i not in dead]


def _groups(source: Source) -> list[_Group]:
    groups: list[_Group] = []
    opened: list[_Group] = []
    i = 0
    while i < len(source.tokens):
        end = source.directive_end(i) if source.tokens[i].directive else i + 1
        keyword = source.at(i + 1) if source.tokens[i].directive and end > i + 1 else ""
        if keyword in ("if", "ifdef", "ifndef"):
            opened.append(_Group())
            groups.append(opened[-1])
        if keyword in ("if", "ifdef", "ifndef", "elif", "else", "endif") and opened:
            branches = opened[-1].branches
            if branches:
                branches[-1].end = i
            if keyword == "endif":
                opened.pop()
            else:
                condition = source.tokens[i + 2 : end]
                branches.append(_Branch(source.tokens[i + 1], condition, end, len(source.tokens)))
        i = end
    return groups


def _nest(source: Source, nests: list[Nest], i: int) -> Nest:
    """The braces around the directive before index i: those around the next code."""
    while i < len(source.tokens) and source.tokens[i].directive:
        i += 1
    return nests[i] if i < len(source.tokens) else ()


def _answer(source: Source, group: _Group, nest: Nest) -> set[int]:
    """Edits the conditions of a group. Returns the indices of the tokens it rules out."""
    for_gpu = only_on_device(nest) or not in_function(nest)
    both = not in_function(nest) and not group.has_else()
    dead: set[int] = set()
    taken = False  # whether an earlier branch is sure to be taken
    for n, branch in enumerate(group.branches):
        holds = _holds(branch, for_gpu)
        for_host = both and branch.asks_whether_defined()
        if for_host and holds is not True:
            holds = _holds(branch, False)
        passed_over = for_gpu and branch.asks() and _has_better(source, group, n)
        if passed_over:
            holds = False
        if taken or holds is False:
            dead |= set(range(branch.start, branch.end))
        taken |= holds is True
        if branch.asks() and for_gpu:
            _edit(source, branch, for_host, passed_over)
    return dead


def _has_better(source: Source, group: _Group, n: int) -> bool:
    """Whether branch n has inline PTX and a later one has code."""

    def code(branch: _Branch) -> list[str]:
        return [t.text for t in source.tokens[branch.start : branch.end] if not t.directive]

    later = any(code(branch) for branch in group.branches[n + 1 :])
    return later and any(word in _ASM for word in code(group.branches[n]))


def _edit(source: Source, branch: _Branch, for_host: bool, passed_over: bool) -> None:
    """Makes the condition that of the GPU, or also that of the host, or false."""
    condition = branch.condition
    if branch.keyword.text in ("ifdef", "ifndef"):
        holds = (branch.keyword.text == "ifdef" or for_host) and not passed_over
        source.replace(branch.keyword, "if")
        source.replace(condition[0], "1" if holds else "0")
        return
    answers = _answers(condition, True)
    before, after = "", ""
    if passed_over:
        before, after = "0 && (", ")"
    elif for_host:
        before, after = "(", f") || ({_spelled(condition, _answers(condition, False))})"
    answers[0] = before + answers[0]
    answers[-1] += after
    for token, answer in zip(condition, answers, strict=True):
        if answer != token.text:
            source.replace(token, answer)


def _answers(condition: list[Token], for_gpu: bool) -> list[str]:
    """The words of a condition with its questions answered; "" for what falls away."""
    words = [token.text for token in condition]
    answers = list(words)
    for i, word in enumerate(words):
        if word != _ARCH:
            continue
        if words[i - 1 : i] == ["defined"]:
            answers[i - 1 : i + 1] = ["1" if for_gpu else "0", ""]
        elif words[i - 2 : i] == ["defined", "("]:
            answers[i - 2 : i + 2] = ["1" if for_gpu else "0", "", "", ""]
        else:
            answers[i] = _VALUE if for_gpu else "0"
    return answers


def _spelled(condition: list[Token], answers: list[str]) -> str:
    text = ""
    for i, (token, answer) in enumerate(zip(condition, answers, strict=True)):
        apart = i > 0 and condition[i - 1].end != token.start
        text += (" " if apart else "") + answer
    return text


def _holds(branch: _Branch, for_gpu: bool) -> bool | None:
    """Whether the condition holds; None if that depends on something else."""
    if branch.keyword.text == "else":
        return True
    if branch.keyword.text in ("ifdef", "ifndef"):
        return for_gpu == (branch.keyword.text == "ifdef") if branch.asks() else None
    text = _spelled(branch.condition, _answers(branch.condition, for_gpu))
    results = {_value(text, unknown) for unknown in ("0", "1", "1000000")}
    return results.pop() if len(results) == 1 else None


def _value(condition: str, unknown: str) -> bool | None:
    """A condition's value if every other name in it has the value `unknown`."""
    python = re.sub(r"\bdefined\b", "", condition)
    python = re.sub(r"\b[A-Za-z_]\w*", unknown, python)
    python = re.sub(r"(\d)[uUlL]+\b", r"\1", python)
    python = python.replace("&&", " and ").replace("||", " or ").replace("/", "//")
    python = re.sub(r"!(?!=)", " not ", python)
    if not re.fullmatch(r"(\d+|and|or|not|[-+*/%&|^~<>=!()\s])*", python):
        return None
    try:
        return bool(eval(python.strip(), {"__builtins__": {}}))  # only numbers and operators
    except (SyntaxError, ArithmeticError, TypeError):
        return None
