"""Causes that only some drawn inputs bring to light, on outcomes made by hand."""

import ast

import numpy as np

from grader.diagnosis import faults
from grader.diagnosis.kernels import explain
from grader.diagnosis.rules import nan_in_flat_rows, whole_sums
from grader.diagnosis.sizes import TAGS
from grader.ideas import IDEAS
from grader.kernels.cases import Case
from grader.kernels.formulas import FORMULAS
from grader.kernels.runs import Outcome
from mingpt.paths import ROOT


def test_nan_at_the_largest_value_alone_is_an_overflow():
    x = np.random.default_rng(0).normal(size=(4, 50)).astype(np.float32)
    x[2, 7] = 10.7
    v = x.astype(np.float64)
    expected = 0.5 * v * (1 + np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3)))
    out = expected.astype(np.float32)
    out[2, 7] = np.nan
    case = Case("gelu", {"in": x}, (4, 50), {"num_rows": 4, "num_cols": 50})
    failure = explain([Outcome(case, expected, np.full((4, 50), 1e-5), out, None)])
    assert "Only large values fail" in failure.message
    assert "infinity" in failure.message

    out[2, 7], out[0, 0] = expected[2, 7], np.nan  # a small value: something else
    failure = explain([Outcome(case, expected, np.full((4, 50), 1e-5), out, None)])
    assert "large values" not in failure.message


def test_nan_in_rows_of_equal_values_alone_has_to_do_with_the_variance():
    x = np.random.default_rng(0).normal(size=(4, 50)).astype(np.float32)
    x[1] = 3
    expected = ((x - x.mean(axis=1, keepdims=True)) / 2).astype(np.float64)
    out = expected.astype(np.float32) + 1
    out[1] = np.nan
    case = Case("layernorm", {"in": x}, (4, 50), {"num_rows": 4, "num_cols": 50})
    o = Outcome(case, expected, np.full((4, 50), 1e-5), out, None)
    assert "variance is 0" in nan_in_flat_rows([o], [o])[0].text

    out[3, 7] = np.nan  # a row like any other
    o = Outcome(case, expected, np.full((4, 50), 1e-5), out, None)
    assert nan_in_flat_rows([o], [o]) is None


def test_sums_of_nothing_are_not_taken_for_those_of_an_int():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 3, 40)).astype(np.float32)
    bias = rng.normal(size=3).astype(np.float32)
    expected = x.astype(np.float64) @ weight.T + bias
    case = Case(
        "linear", {"in": x, "weight": weight, "bias": bias}, (3, 3), {"m": 3, "n": 3, "k": 40}
    )
    for out, said in ((np.tile(bias, (3, 1)), "is 0"), (np.rint(expected - bias) + bias, "an int")):
        o = Outcome(case, expected, np.full((3, 3), 1e-5), out.astype(np.float32), None)
        assert said in whole_sums([o], [o])[0].text


def ideas_named() -> list[tuple[str, str]]:
    """(name, place) of every idea that the grader's source gives a cause, a formula, a failure."""
    found = []
    for path in sorted((ROOT / "grader").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            values = [k.value for k in node.keywords if k.arg == "idea"]
            if getattr(node.func, "id", "") == "Cause":
                values += node.args[2:3]
            found += [
                (constant.value, f"{path.name}:{constant.lineno}")
                for value in values
                for constant in ast.walk(value)
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
            ]
    return found


def test_every_idea_that_is_named_exists():
    named = [(name, place) for name, place in ideas_named() if name]
    named += [(formula.idea, formula.cause) for bank in FORMULAS.values() for formula in bank]
    named += [(idea, tag) for tag, (_, _, *idea) in TAGS.items() for idea in idea]
    named += [(idea, "faults") for idea in faults.IDEAS]
    assert len(named) > 60
    assert not [(name, place) for name, place in named if name not in IDEAS]
