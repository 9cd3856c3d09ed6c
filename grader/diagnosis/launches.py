"""Launches that nvcc refuses and a C++ compiler lets pass: simt builds gpt.cu with the latter."""

import re

from grader.outcome import Failure

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\\\.|[^\"\\\n])*\"", re.DOTALL)
LAUNCHED = re.compile(r"\b(\w+)\s*<<<")
# Words that say what a function is; others may be macros that hold a __global__.
SPECIFIERS = r"(?:(?:static|inline|__device__|__host__|__forceinline__)\s+)*void\s+"


def refused(source: str) -> Failure | None:
    """The first such launch in a gpt.cu, as a Failure."""
    code = COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), source)
    lines = source.splitlines()

    def at(position: int) -> str:
        line = code.count("\n", 0, position) + 1
        return f"gpt.cu:{line}: {lines[line - 1].strip()}"

    for name in dict.fromkeys(LAUNCHED.findall(code)):
        plain = re.search(
            rf"(?:^|[;}}]|\n[ \t]*#[^\n]*\n)\s*{SPECIFIERS}({name})\s*\([^;{{}}]*\)\s*\{{", code
        )
        if plain and not re.search(rf"__global__[^;{{}}]*\b{name}\s*\(", code):
            return Failure(
                f"{name} is launched with <<<...>>>, but it is not a kernel: its definition has no"
                f" __global__.\n  {at(plain.start(1))}",
                "__global__ before a function says that the host launches it and the GPU runs it.",
                idea="build",
            )
    for name in re.findall(r"__global__\s+void\s+(\w+)\s*\(", code):
        if called := re.search(rf"[;{{}}]\s*({name})\s*\(", code):
            return _without_launch(name, at(called.start(1)))
    return None


def _without_launch(name: str, where: str) -> Failure:
    return Failure(
        f"{name} is a kernel (__global__), but it is called like a function, without"
        f" <<<...>>>.\n  {where}",
        "A launch says how many blocks of how many threads: name<<<blocks, threads, 0,"
        " stream>>>(...).",
        idea="build",
    )
