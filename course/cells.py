"""What a graded cell's source asks the grader for."""

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbgrader.api import Notebook


def graded_sources(notebook: "Notebook") -> dict[str, str]:
    """The source of each cell that grades by running: grade_id -> text, as it was released."""
    graded = {cell.name for cell in notebook.grade_cells if cell.cell_type == "code"}
    graded -= {cell.name for cell in notebook.solution_cells}
    return {cell.name: cell.source for cell in notebook.source_cells if cell.name in graded}


def checks_asked(source: str) -> tuple[str, ...]:
    """The ids in a cell that is `lab.check("gelu", ...)` and nothing else; else none.

    Before it the cell may import lab, and say with lab.use which folder it means.
    """
    statements = _statements(source)
    if not statements:
        return ()
    *before, last = statements
    if not all(_is_import(one) or _call(one) == "use" for one in before) or _call(last) != "check":
        return ()
    arguments = last.value.args
    if not all(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in arguments):
        return ()
    return tuple(one.value for one in arguments)


def mentions_check(source: str) -> bool:
    """Is lab.check called anywhere in it?"""
    return any(
        isinstance(node, ast.Expr) and _call(node) == "check"
        for statement in _statements(source)
        for node in ast.walk(statement)
    )


def ends_with_value(source: str) -> bool:
    """Does the cell end with an expression, whose value is the points?"""
    statements = _statements(source)
    return bool(statements) and isinstance(statements[-1], ast.Expr)


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:  # %magics, or no Python at all
        return []


def _is_import(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import) and [(a.name, a.asname) for a in statement.names] == [
        ("lab", None)
    ]


def _call(statement: ast.stmt) -> str:
    """ "check" of the statement `lab.check(...)`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    function = call.func if isinstance(call, ast.Call) else None
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.attr if function.value.id == "lab" else ""
    return ""
