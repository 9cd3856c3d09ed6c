"""A compiler's messages in the user's terms: their files, their columns, no word of simt's inside.

The compiler sees rewritten code. Lines are the user's already (#line); this module takes columns
back, shows the user's own line below each message, and turns what a compiler says about
simt::Launcher and the like into sentences about launches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simt.compiler import INCLUDE
from simt.rewrite.edits import EditedText

# gpt.cu:12:5: error: expected ';'
_MESSAGE = re.compile(r"(?P<file>[^\n]+?):(?P<line>\d+):(?P<column>\d+):\s+(?P<text>.*)")
_UNDEFINED = re.compile(r"(?:(?P<place>\S+:\d+)|.*): undefined reference to [`'](?P<name>.*)'")
_LINKER_NOISE = re.compile(r".*\bld(\.\w+)?: .*: in function .*|collect2: error: ld .*")
# What follows from a shared array whose size isn't constant.
_CONSEQUENCE = re.compile(r".*(simt::shared\(SharedSite|is a variably modified type).*")
_INSTANTIATED_LAUNCH = re.compile(r"In instantiation of .*<lambda\(auto:")


@dataclass(frozen=True)
class UserFile:
    """A file as the user wrote it, and what the compiler was given for it."""

    shown: str  # its name in messages
    text: str
    rewritten: EditedText | None = None


def readable(log: str, files: Sequence[UserFile], scratch: Path) -> str:
    """The compiler's log for people. scratch: the temporary folder, which is left out."""
    by_name = {file.shown: file for file in files}
    shown: list[str] = []
    caller: tuple[UserFile, int, int] | None = None  # of the user, into a template of simt
    for line in _without_our_includes(log.splitlines()):
        if _CONSEQUENCE.fullmatch(line):
            continue
        match = _MESSAGE.fullmatch(line)
        if not match:
            if undefined := _UNDEFINED.fullmatch(line):
                shown.append(_undefined(undefined["name"], undefined["place"] or "", files))
            elif _LINKER_NOISE.fullmatch(line):
                continue
            elif not (line.startswith(str(INCLUDE)) or _INSTANTIATED_LAUNCH.search(line)):
                shown.append(_in_users_terms(line) + "\n")
            continue
        text, file = _in_users_terms(match["text"]), by_name.get(match["file"])
        place = int(match["line"]), int(match["column"])
        if file:
            column = file.rewritten.original_column(*place) if file.rewritten else place[1]
            if text.startswith("required from"):
                caller = file, place[0], column
            else:
                shown.append(show(file, place[0], column, text))
        elif not match["file"].startswith(str(INCLUDE)):
            shown.append(line + "\n")
        elif "error: " in text and caller:
            shown.append(show(*caller, text))
        elif "error: " in text:
            shown.append(line + "\n")
    return re.sub(re.escape(str(scratch)) + r"/(\d+/)?", "", "".join(shown))


def show(file: UserFile, line: int, column: int, text: str) -> str:
    """A message with its place, the line there, and a mark below the column."""
    lines = file.text.split("\n")
    message = f"{file.shown}:{line}:{column}: {text}\n"
    if not 1 <= line <= len(lines):
        return message
    code = lines[line - 1].rstrip("\r")
    indent = re.sub(r"[^\t]", " ", code[: column - 1])
    return f"{message}{line:5} | {code}\n      | {indent}^\n"


def _without_our_includes(lines: list[str]) -> list[str]:
    """Leaves out "In file included from ..." (one line or several) where it tells only of simt."""
    kept: list[str] = []
    block: list[str] = []
    for line in [*lines, ""]:
        if line.startswith("In file included from") or (block and re.match(r"\s+from ", line)):
            block.append(line)
            continue
        if not any(str(INCLUDE) in part or "<command-line>" in part for part in block):
            kept += block
        block = []
        kept.append(line)
    return [line for line in kept[:-1] if line != "compilation terminated."]


def _in_users_terms(text: str) -> str:
    """The names that the rewriter makes up, and errors about simt's own types, put plainly."""
    text = re.sub(r"'simt_t_\w+' \{aka '([^']*)'\}", r"'\1'", text)
    text = re.sub(
        r"no match for call to '\(simt::Launcher<(.*)>\) \((.*)\)'", _wrong_arguments, text
    )
    text = re.sub(
        r"no matching function for call to 'shared<(.*)>\(simt::SharedSite&\)'",
        "the size of a __shared__ array must be a constant, known when the program is compiled;"
        " for one that only the launch knows: extern __shared__, and its bytes in <<<...>>>",
        text,
    )
    return re.sub(
        r"no matching function for call to 'simt::Config::Config\((.*)\)'",
        r"a launch is kernel<<<grid, block>>>, perhaps with the bytes of dynamic shared memory and "
        r"a stream after the block; this one has <<<\1>>>",
        text,
    )


def _wrong_arguments(match: re.Match[str]) -> str:
    given = re.sub(r"&+(?=,|$)", "", match[2])
    return f"the kernel takes ({match[1]}), but the launch gives it ({given})"


def _undefined(name: str, place: str, files: Sequence[UserFile]) -> str:
    """What the linker says of a function without a body. It may leave folders out of the place."""
    if name == "main":
        return "error: a program needs a main function, and there is none\n"
    text = f"error: {name} is used, but defined nowhere"
    path, _, line = place.rpartition(":")
    for file in files:
        if path and Path(file.shown).name == Path(path).name:
            code = [*file.text.split("\n"), ""][min(int(line) - 1, file.text.count("\n"))]
            return show(file, int(line), code.find(re.split(r"\W", name)[0]) + 1 or 1, text)
    return text + "\n"
