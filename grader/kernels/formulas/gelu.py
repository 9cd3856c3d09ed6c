"""Wrong forms of gelu."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from grader.kernels.cases import Case
from grader.kernels.formulas.formula import Array, Formula, input_of
from grader.kernels.reference import SQRT_2_OVER_PI


def _gelu(inner: Callable[[Array], Array]) -> Callable[[Case], Array]:
    """0.5 x (1 + tanh(inner(x)))"""
    return lambda case: 0.5 * input_of(case) * (1 + np.tanh(inner(input_of(case))))


def _exact_gelu(case: Case) -> Array:
    erf = np.vectorize(math.erf, otypes=[float])
    return 0.5 * input_of(case) * (1 + erf(input_of(case) / math.sqrt(2)))


def _gelu_of_whole_part(case: Case) -> Array:
    x = np.trunc(input_of(case))
    return 0.5 * x * (1 + np.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x**3)))


_READ_GELU = "Compare your expression with the formula above gelu in gpt.h, factor by factor."
COPIED = Formula("a copy of the input", "The result of the formula has to reach out.", input_of)

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
            0.5
            * input_of(case)
            * np.tanh(SQRT_2_OVER_PI * (input_of(case) + 0.044715 * input_of(case) ** 3))
        ),
    ),
    Formula(
        "x sigmoid(1.702 x), a rough form of gelu",
        "GPT-2 was trained with the tanh form: see gpt.h.",
        lambda case: input_of(case) / (1 + np.exp(-1.702 * input_of(case))),
    ),
    Formula("relu", _READ_GELU, lambda case: np.maximum(input_of(case), 0)),
    Formula(
        "0: in whole numbers 1 / 2 is 0",
        "A quotient of two whole numbers is a whole number: 1 / 2 is 0.",
        lambda case: np.zeros(case.shape),
        "integer",
    ),
    Formula(
        "gelu of the whole part of each input: it was put into an int",
        "Which type has the variable that holds x? In whole numbers 0.7 is 0.",
        _gelu_of_whole_part,
        "integer",
    ),
    COPIED,
]
GELU = [replace(formula, idea=formula.idea or "gelu_formula") for formula in GELU]
