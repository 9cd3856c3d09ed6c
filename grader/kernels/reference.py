"""The three formulas in float64, and for each element how far a correct float32 kernel may be off.

u = 2^-24 is the largest relative error of one float32 operation. `slack` comes from the rubric. The
bounds are on purpose a little too wide (nobody right may fail), and far narrower than what any
known mistake causes on the values in cases.py.
"""

from collections.abc import Callable

import numpy as np

U = 2.0**-24
SQRT_2_OVER_PI = np.sqrt(2 / np.pi)

Array = np.ndarray
Bounded = tuple[Array, Array]  # float64 values, and the absolute error allowed for each


def gelu(x: Array, slack: float) -> Bounded:
    """0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), any shape.

    1 + tanh(u) cancels for negative x, so its error of a few u counts in full: up to 0.5 |x| times
    it. tanh passes on at most 0.45 of the relative error of its argument (the maximum of |u|
    tanh'(u)).
    """
    x = x.astype(np.float64)
    y = 0.5 * x * (1 + np.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x**3)))
    return y, slack * U * (np.abs(x) + np.abs(y)) + 1e-37


def layernorm(x: Array, weight: Array, bias: Array, eps: float, slack: float) -> Bounded:
    """(x - mean) / sqrt(var + eps) * weight + bias over rows: x (rows, C), weight and bias (C).

    A sum of C terms has an error of about sqrt(C) u times the sum of their sizes (Higham and Mary
    2019, "A new approach to probabilistic rounding error analysis"). Let d = x - mean and e =
    slack (sqrt(C) + 4) u. The mean is then off by delta = e mean|x|. In the variance around it
    that counts only squared, delta^2: the sum of d is 0. The result is off by delta / std from the
    mean, and by half the relative error of the variance.
    """
    x, weight, bias = (a.astype(np.float64) for a in (x, weight, bias))
    e = slack * (np.sqrt(x.shape[1]) + 4) * U
    mean = x.mean(axis=1, keepdims=True)
    d = x - mean
    var = (d**2).mean(axis=1, keepdims=True) + eps
    y = d / np.sqrt(var) * weight + bias
    delta = e * np.abs(x).mean(axis=1, keepdims=True)
    normalised = np.abs(d) / np.sqrt(var)
    relative = delta**2 / var + e
    error = (delta + U * np.abs(x)) / np.sqrt(var) + normalised * (relative / 2 + 4 * U)
    return y, np.abs(weight) * error + slack * U * (np.abs(y) + np.abs(bias)) + 1e-37


def linear(x: Array, weight: Array, bias: Array | None, slack: float) -> Bounded:
    """x (m, k) times weight (n, k) transposed, plus bias (n) if any: (m, n).

    However the k products are added up, the error is at most gamma = k u / (1 - k u) times the sum
    of their sizes (Higham, "Accuracy and Stability of Numerical Algorithms", 3.1), and 2 u more
    for the bias.
    """
    x, weight = x.astype(np.float64), weight.astype(np.float64)
    k = x.shape[1]
    y, size = x @ weight.T, np.abs(x) @ np.abs(weight).T
    if bias is not None:
        y, size = y + bias.astype(np.float64), size + np.abs(bias.astype(np.float64))
    gamma = (k + 2) * U / (1 - (k + 2) * U)
    return y, slack * gamma * size + 1e-37


REFERENCES: dict[str, Callable[..., Bounded]] = {
    "gelu": gelu,
    "layernorm": layernorm,
    "linear": linear,
}
