"""Wrong forms of layernorm: its formula, its parameters, its rows. (Its sums: reductions.py.)"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from grader.kernels.cases import Case
from grader.kernels.formulas.formula import Array, Formula
from grader.kernels.formulas.gelu import COPIED


def _layernorm(
    std: Callable[[Array, float], Array] = lambda x, eps: np.sqrt(
        x.var(axis=1, keepdims=True) + eps
    ),
    finish: Callable[[Array, Array, Array], Array] = lambda y, weight, bias: y * weight + bias,
    centre: Callable[[Array], Array] = lambda x: x.mean(axis=1, keepdims=True),
) -> Callable[[Case], Array]:
    """layernorm with one of its parts replaced: (x - centre) / std, then finish."""

    def compute(case: Case) -> Array:
        x, weight, bias = (
            case.inputs[name].astype(np.float64) for name in ("in", "weight", "bias")
        )
        return finish((x - centre(x)) / std(x, case.eps), weight, bias)

    return compute


def _around(centre: Callable[[Array], Array]) -> Callable[[Case], Array]:
    """layernorm with another mean, in the variance too."""

    def std(x: Array, eps: float) -> Array:
        return np.sqrt(((x - centre(x)) ** 2).mean(axis=1, keepdims=True) + eps)

    return _layernorm(std, centre=centre)


def _rows_apart(stride: int) -> Callable[[Case], Array]:
    """Rows of in that begin `stride` elements apart; unknown past its end."""

    def compute(case: Case) -> Array:
        rows, cols = case.shape
        flat = np.concatenate([case.inputs["in"].ravel(), np.full(rows * stride + cols, np.nan)])
        x = flat[np.arange(rows)[:, None] * stride + np.arange(cols)]
        return _layernorm()(replace(case, inputs={**case.inputs, "in": x}))

    return compute


def _var(x: Array) -> Array:
    return x.var(axis=1, keepdims=True)


def _sample_var(x: Array) -> Array:
    return (
        _var(x) * x.shape[1] / (x.shape[1] - 1.0)
        if x.shape[1] > 1
        else np.full_like(x[:, :1], np.nan)
    )


def _by_row(values: Array, like: Array) -> Array:
    rows = len(like)
    padded = np.concatenate([values, np.full(rows, np.nan)])  # past its end: unknown
    return padded[:rows, None]


_EPS = "eps belongs inside the square root: sqrt(var + eps). It keeps the root away from 0."

LAYERNORM = [
    Formula(
        "layernorm with eps outside of the square root",
        _EPS,
        _layernorm(lambda x, eps: np.sqrt(_var(x)) + eps),
    ),
    Formula("layernorm without eps", _EPS, _layernorm(lambda x, eps: np.sqrt(_var(x)))),
    Formula(
        "layernorm with the sample variance (divided by num_cols - 1)",
        "The variance here is the mean of the squared differences: over how many elements?",
        _layernorm(lambda x, eps: np.sqrt(_sample_var(x) + eps)),
    ),
    Formula(
        "layernorm without weight and bias",
        "After normalising, each column is scaled and shifted.",
        _layernorm(finish=lambda y, weight, bias: y),
    ),
    Formula(
        "layernorm without the weight",
        "After normalising, each column has its own scale.",
        _layernorm(finish=lambda y, weight, bias: y + bias),
    ),
    Formula(
        "layernorm without the bias",
        "After scaling, each column has its own shift.",
        _layernorm(finish=lambda y, weight, bias: y * weight),
    ),
    Formula(
        "layernorm with weight and bias swapped",
        "Which of the two multiplies, and which is added?",
        _layernorm(finish=lambda y, weight, bias: y * bias + weight),
    ),
    Formula(
        "layernorm with the bias added before the weight multiplies",
        "First scale, then shift.",
        _layernorm(finish=lambda y, weight, bias: (y + bias) * weight),
    ),
    Formula(
        "layernorm with weight and bias indexed by row",
        "weight and bias have one element a column.",
        _layernorm(finish=lambda y, weight, bias: y * _by_row(weight, y) + _by_row(bias, y)),
    ),
    Formula(
        "layernorm divided by the variance, not by its square root",
        "The standard deviation is the root of the variance.",
        _layernorm(lambda x, eps: _var(x) + eps),
    ),
    Formula(
        "layernorm with the sum of squared differences, not their mean",
        "A variance is a mean: divide by the number of columns.",
        _layernorm(lambda x, eps: np.sqrt(_var(x) * x.shape[1] + eps)),
    ),
    Formula(
        "layernorm with the mean of the squares in place of the variance",
        "The variance is measured around the mean.",
        _layernorm(lambda x, eps: np.sqrt((x**2).mean(axis=1, keepdims=True) + eps)),
    ),
    Formula(
        "layernorm without subtracting the mean",
        "Where does the mean leave the numerator?",
        _layernorm(centre=lambda x: 0.0),
    ),
    Formula(
        "layernorm that subtracts the sum of the row, not its mean",
        "A mean is a sum divided by the number of columns.",
        _layernorm(
            centre=lambda x: x.sum(axis=1, keepdims=True),
            std=lambda x, eps: np.sqrt(
                ((x - x.sum(axis=1, keepdims=True)) ** 2).mean(axis=1, keepdims=True) + eps
            ),
        ),
    ),
    Formula(
        "layernorm with a mean of 0: in whole numbers 1 / num_cols is 0",
        "A quotient of two whole numbers is a whole number. Which type has what you divide by?",
        _layernorm(
            centre=lambda x: 0.0,
            std=lambda x, eps: np.sqrt((x**2).mean(axis=1, keepdims=True) + eps),
        ),
        "integer",
    ),
    Formula(
        "layernorm with a variance of 0: in whole numbers 1 / num_cols is 0",
        "A quotient of two whole numbers is a whole number. Which type has what you divide by?",
        _layernorm(std=lambda x, eps: np.sqrt(eps)),
        "integer",
    ),
    Formula(
        "layernorm with a mean that is divided by num_cols twice",
        "A mean is a sum divided by the number of columns, once.",
        _around(lambda x: x.mean(axis=1, keepdims=True) / x.shape[1]),
    ),
    *(
        Formula(
            f"layernorm of rows that begin {stride} elements apart",
            "How far apart are two rows of in? Each has num_cols elements, whatever the block has.",
            _rows_apart(stride),
            "transpose",
        )
        for stride in (32, 64, 128, 256, 512, 1024)
    ),
    COPIED,
]


def _idea(cause: str) -> str:
    return (
        "variance" if any(w in cause for w in ("eps", "varian", "square")) else "layernorm_formula"
    )


LAYERNORM = [replace(formula, idea=formula.idea or _idea(formula.cause)) for formula in LAYERNORM]
