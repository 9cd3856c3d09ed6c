"""Wrong formulas that students really write, computed in float64 by the grader.

If a wrong output equals one of these everywhere, the mistake has a name. Each gets a Case and
returns the output (rows, cols) that the mistake would give, NaN where that is unknown.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from grader.kernels.cases import Case
from grader.kernels.reference import SQRT_2_OVER_PI

Array = np.ndarray


@dataclass(frozen=True)
class Formula:
    cause: str  # completes "your output equals ..."
    hint: str
    compute: Callable[[Case], Array]


def _in(case: Case) -> Array:
    return case.inputs["in"].astype(np.float64)


# ------------------------------------------------------------------------------------- gelu


def _gelu(inner: Callable[[Array], Array]) -> Callable[[Case], Array]:
    """0.5 x (1 + tanh(inner(x)))"""
    return lambda case: 0.5 * _in(case) * (1 + np.tanh(inner(_in(case))))


def _exact_gelu(case: Case) -> Array:
    erf = np.vectorize(math.erf, otypes=[float])
    return 0.5 * _in(case) * (1 + erf(_in(case) / math.sqrt(2)))


_READ_GELU = "Compare your expression with the formula above gelu in gpt.h, factor by factor."
_COPIED = Formula("a copy of the input", "The result of the formula has to reach out.", _in)

GELU = [
    Formula(
        "the exact gelu, with erf",
        "GPT-2 was trained with the tanh form: its formula is in gpt.h.",
        _exact_gelu,
    ),
    Formula(
        "gelu with x^2 in place of x^3",
        "Look at the power of x inside tanh.",
        _gelu(lambda x: SQRT_2_OVER_PI * (x + 0.044715 * x**2)),
    ),
    Formula(
        "gelu with 0.44715 in place of 0.044715",
        "Check the decimals of the constant.",
        _gelu(lambda x: SQRT_2_OVER_PI * (x + 0.44715 * x**3)),
    ),
    Formula("gelu without the x^3 term", _READ_GELU, _gelu(lambda x: SQRT_2_OVER_PI * x)),
    Formula("gelu without sqrt(2/pi)", _READ_GELU, _gelu(lambda x: x + 0.044715 * x**3)),
    Formula(
        "gelu with 2/pi in place of sqrt(2/pi)",
        _READ_GELU,
        _gelu(lambda x: 2 / np.pi * (x + 0.044715 * x**3)),
    ),
    Formula(
        "gelu with sqrt(2/pi) on the first term only: a parenthesis is missing",
        _READ_GELU,
        _gelu(lambda x: SQRT_2_OVER_PI * x + 0.044715 * x**3),
    ),
    Formula(
        "twice gelu: the factor 0.5 is missing",
        _READ_GELU,
        lambda case: 2 * _gelu(lambda x: SQRT_2_OVER_PI * (x + 0.044715 * x**3))(case),
    ),
    Formula(
        "gelu without the `1 +`",
        _READ_GELU,
        lambda case: (
            0.5 * _in(case) * np.tanh(SQRT_2_OVER_PI * (_in(case) + 0.044715 * _in(case) ** 3))
        ),
    ),
    Formula(
        "x sigmoid(1.702 x), a rough form of gelu",
        "GPT-2 was trained with the tanh form: see gpt.h.",
        lambda case: _in(case) / (1 + np.exp(-1.702 * _in(case))),
    ),
    Formula("relu", _READ_GELU, lambda case: np.maximum(_in(case), 0)),
    _COPIED,
]


# -------------------------------------------------------------------------------- layernorm


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


def _var(x: Array) -> Array:
    return x.var(axis=1, keepdims=True)


def _sample_var(x: Array) -> Array:
    return (
        _var(x) * x.shape[1] / (x.shape[1] - 1.0)
        if x.shape[1] > 1
        else np.full_like(x[:, :1], np.nan)
    )


def _by_row(values: Array, like: Array) -> Array:
    return values[np.arange(like.shape[0]) % values.size][:, None]


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
    _COPIED,
]


# ----------------------------------------------------------------------------------- linear


def _parts(case: Case) -> tuple[Array, Array, Array, int, int, int]:
    """in (m, k), weight (n, k), bias (n; zeros for none), m, n, k"""
    x, weight, bias = _in(case), case.inputs["weight"].astype(np.float64), case.inputs["bias"]
    m, n, k = case.sizes.values()
    return x, weight, np.zeros(n) if bias is None else bias.astype(np.float64), m, n, k


def _transposed(case: Case) -> Array:
    x, weight, bias, _, n, k = _parts(case)
    return x @ weight.ravel().reshape(k, n) + bias


def _in_transposed(case: Case) -> Array:
    x, weight, bias, m, _, k = _parts(case)
    return x.ravel().reshape(k, m).T @ weight.T + bias


def _bias_times(count: Callable[[int], float]) -> Callable[[Case], Array]:
    def compute(case: Case) -> Array:
        x, weight, bias, _, _, k = _parts(case)
        return x @ weight.T + count(k) * bias

    return compute


def _bias_by_row(case: Case) -> Array:
    x, weight, bias, m, n, _ = _parts(case)
    return x @ weight.T + bias[np.arange(m) % n][:, None]


def _columns(first: int, last: Callable[[int], int]) -> Callable[[Case], Array]:
    """Only the terms first <= j < last(k) of each sum."""

    def compute(case: Case) -> Array:
        x, weight, bias, _, _, k = _parts(case)
        return x[:, first : last(k)] @ weight[:, first : last(k)].T + bias

    return compute


def _stored_transposed(case: Case) -> Array:
    x, weight, bias, m, n, _ = _parts(case)
    return (x @ weight.T + bias).T.ravel().reshape(m, n)


def _past_the_row(tile: int) -> Callable[[Case], Array]:
    """The last tile runs on into the next row of both matrices (beyond the end: unknown, NaN)."""

    def rows(a: Array, k: int) -> Array:
        flat = np.concatenate([a.ravel(), np.full(tile, np.nan)])
        padded = -(-k // tile) * tile
        return flat[np.minimum(np.arange(len(a))[:, None] * k + np.arange(padded), flat.size - 1)]

    def compute(case: Case) -> Array:
        x, weight, bias, _, _, k = _parts(case)
        return rows(x, k) @ rows(weight, k).T + bias

    return compute


TILES = (8, 16, 32, 64)
_LAST_TILE = (
    "k need not be a multiple of the tile: what does the last tile hold, and what counts as 0?"
)

LINEAR = [
    Formula(
        "a product with weight not transposed: weight is read as (k, n)",
        "weight is (n, k): one row of k for each output column. Which index moves along k?",
        _transposed,
    ),
    Formula(
        "a product with in read as (k, m)",
        "in is (m, k), row-major: a row is k elements.",
        _in_transposed,
    ),
    Formula(
        "the product without the bias",
        "bias has one element for each output column: add it.",
        _bias_times(lambda k: 0.0),
    ),
    *(
        Formula(
            f"the product with the bias added once for each tile of {tile} along k",
            "The bias is added once to each output, not once a step of the loop over k.",
            _bias_times(lambda k, tile=tile: float(-(-k // tile))),
        )
        for tile in TILES
    ),
    Formula(
        "the product with the bias added k times",
        "The bias is added once to each output.",
        _bias_times(float),
    ),
    Formula(
        "the product with bias indexed by row",
        "bias has one element for each output column.",
        _bias_by_row,
    ),
    *(
        Formula(
            f"the product without the last partial tile of {tile} along k",
            _LAST_TILE,
            _columns(0, lambda k, tile=tile: k // tile * tile),
        )
        for tile in TILES
    ),
    *(
        Formula(
            f"the product with a last tile of {tile} along k that runs on into the next row",
            _LAST_TILE,
            _past_the_row(tile),
        )
        for tile in TILES
    ),
    *(
        Formula(
            f"the product with the first tile of {tile} along k only",
            "The loop over k has to take every tile.",
            _columns(0, lambda k, tile=tile: min(k, tile)),
        )
        for tile in TILES
    ),
    Formula(
        "the product without the last term of each sum",
        "A loop over k ends one too early.",
        _columns(0, lambda k: k - 1),
    ),
    Formula(
        "the product without the first term of each sum",
        "A loop over k begins one too late.",
        _columns(1, lambda k: k),
    ),
    Formula(
        "the product stored as (n, m)",
        "out is (m, n), row-major: a row is n elements.",
        _stored_transposed,
    ),
]

FORMULAS = {"gelu": GELU, "layernorm": LAYERNORM, "linear": LINEAR}
