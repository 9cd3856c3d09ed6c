"""Causes that only some drawn inputs bring to light, on outcomes made by hand."""

import numpy as np

from grader.diagnosis.kernels import explain
from grader.kernels.cases import Case
from grader.kernels.runs import Outcome


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
