"""Which functions of a file differ from those of another, in a few words."""

import ast
import difflib

from simt.listing import find_functions


def changed_functions(name: str, old: str | None, new: str) -> str:
    """ "yours: gelu_kernel, gelu (12 lines more, 3 fewer)"; old: None where there was no file."""
    if old is None:
        return "is new here"
    before, after = functions(name, old), functions(name, new)
    changed = [one for one, text in after.items() if before.get(one) != text]
    changed = [one for one in changed if not one.startswith("operator")]  # that names no function
    diff = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=0))[2:]
    more, fewer = (sum(line.startswith(sign) for line in diff) for sign in ("+", "-"))
    what = f"yours: {', '.join(changed)}" if changed else "yours"
    return f"{what} ({more} lines more, {fewer} fewer)"


def functions(name: str, text: str) -> dict[str, str]:
    """The functions of a CUDA or Python file with their text, in order; {} if it can't be read."""
    lines = text.splitlines()
    if not name.endswith(".py"):
        found = {one.name: (one.first, one.last) for one in find_functions(text, name)}
    else:
        try:
            found = dict(_of_python(ast.parse(text)))
        except (SyntaxError, ValueError):
            return {}
    return {one: "\n".join(lines[first - 1 : last]) for one, (first, last) in found.items()}


def _of_python(tree: ast.AST, prefix: str = ""):
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield f"{prefix}{node.name}", (node.lineno, node.end_lineno)
        elif isinstance(node, ast.ClassDef):
            yield from _of_python(node, f"{node.name}.")
