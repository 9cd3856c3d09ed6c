"""Wrong forms of linear: the product of in (m, k) and weight (n, k) transposed, plus bias."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from grader.kernels.cases import Case
from grader.kernels.formulas.formula import Array, Formula, input_of


def _parts(case: Case) -> tuple[Array, Array, Array, int, int, int]:
    """in (m, k), weight (n, k), bias (n; zeros for none), m, n, k"""
    x, weight, bias = input_of(case), case.inputs["weight"].astype(np.float64), case.inputs["bias"]
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
    x, weight, bias, m, _, _ = _parts(case)
    padded = np.concatenate([bias, np.full(m, np.nan)])  # past its end: unknown
    return x @ weight.T + padded[:m, None]


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


def _rows_apart(case: Case) -> Array:
    """Rows of in that begin n elements apart; unknown past its end."""
    x, weight, bias, m, n, k = _parts(case)
    flat = np.concatenate([x.ravel(), np.full(m * n + k, np.nan)])
    return flat[np.arange(m)[:, None] * n + np.arange(k)] @ weight.T + bias


def _weight_rows_apart(case: Case) -> Array:
    """The same of weight."""
    x, weight, bias, _, n, k = _parts(case)
    flat = np.concatenate([weight.ravel(), np.full(n * n + k, np.nan)])
    return x @ flat[np.arange(n)[:, None] * n + np.arange(k)].T + bias


def _stored_apart(stride_of: Callable[[int, int], int]) -> Callable[[Case], Array]:
    """Rows of out that begin stride_of(m, k) elements apart; anything where two of them overlap."""

    def compute(case: Case) -> Array:
        x, weight, bias, m, n, k = _parts(case)
        y, stride = x @ weight.T + bias, stride_of(m, k)
        places = np.arange(m)[:, None] * stride + np.arange(n)
        flat = np.full(max(m * n, int(places.max()) + 1), np.nan)
        flat[places] = y
        flat[np.bincount(places.ravel(), minlength=flat.size) > 1] = np.inf
        return flat[: m * n].reshape(m, n)

    return compute


def _terms(counted: Callable[[Array, int], Array]) -> Callable[[Case], Array]:
    """Only the terms j with counted(j, k) of each sum."""

    def compute(case: Case) -> Array:
        x, weight, bias, _, _, k = _parts(case)
        among = counted(np.arange(k), k)
        return x[:, among] @ weight[:, among].T + bias

    return compute


def _tile_of_weight(tile: int, element: Callable[[Array], Array]) -> Callable[[Case], Array]:
    """Each tile of weight, zeros beyond the edges, replaced by what `element` makes of it."""

    def compute(case: Case) -> Array:
        x, weight, bias, _, n, k = _parts(case)
        padded = np.pad(weight, ((0, -n % tile), (0, -k % tile)))
        tiles = padded.reshape(len(padded) // tile, tile, -1, tile).transpose(0, 2, 1, 3)
        used = element(tiles).transpose(0, 2, 1, 3).reshape(padded.shape)
        return np.pad(x, ((0, 0), (0, -k % tile))) @ used[:n].T + bias

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
    *(
        Formula(
            f"the product with the last tile of {tile} along k only",
            "The sum goes on from one tile to the next: where does it begin?",
            _terms(lambda j, k, tile=tile: j >= (k - 1) // tile * tile),
            "linear_formula",
        )
        for tile in TILES
    ),
    *(
        Formula(
            f"the product without the last term of each tile of {tile}",
            "A loop over the terms of a tile ends one too early.",
            _terms(lambda j, k, tile=tile: j % tile < tile - 1),
            "linear_formula",
        )
        for tile in TILES
    ),
    Formula(
        "a product with the rows of in n elements apart",
        "in is (m, k), row-major: a row is k elements.",
        _rows_apart,
        "transpose",
    ),
    Formula(
        "a product with the rows of weight n elements apart",
        "weight is (n, k), row-major: a row is k elements.",
        _weight_rows_apart,
        "transpose",
    ),
    *(
        Formula(
            f"the product with the rows of out {name} elements apart",
            "out is (m, n), row-major: a row is n elements.",
            _stored_apart(stride_of),
            "transpose",
            strays=True,
        )
        for name, stride_of in (("k", lambda m, k: k), ("m", lambda m, k: m))
    ),
    *(
        Formula(
            f"a product that walks down a column of weight's tile of {tile}, not along a row",
            "In weight's tile as it was loaded, which index counts output columns, and which k?",
            _tile_of_weight(tile, lambda tiles: tiles.swapaxes(2, 3)),
            "transpose",
        )
        for tile in TILES
    ),
    *(
        Formula(
            f"a product with the diagonal of weight's tile of {tile} in each of its rows",
            "Each thread loads an element of weight's tile. The row that it takes it from is not"
            " its output's column: which threads would have to load row 0?",
            _tile_of_weight(
                tile, lambda tiles: tiles.diagonal(0, 2, 3)[:, :, None].repeat(tiles.shape[2], 2)
            ),
            "transpose",
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

IDEAS = {"transposed": "transpose", "bias": "bias", "tile": "tile_edges", "(k, m)": "transpose"}
LINEAR = [
    replace(f, idea=f.idea or next((IDEAS[w] for w in IDEAS if w in f.cause), "linear_formula"))
    for f in LINEAR
]
