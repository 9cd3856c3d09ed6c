"""The sizes that a kernel is traced on: small enough to look at every step."""

import math

import numpy as np

from grader.kernels.cases import Case, gelu_case, layernorm_case, linear_case, normal
from lab.trouble import Trouble

# Whole tiles and edges: 40 is a tile of 32 and a part of one; 192 and 100 fill no block of 256.
DEFAULTS = {
    "gelu": {"num_rows": 2, "num_cols": 96},
    "layernorm": {"num_rows": 2, "num_cols": 100},
    "linear": {"m": 40, "n": 40, "k": 40},
}
MOST_WORK = {"gelu": 16_384, "layernorm": 16_384, "linear": 110_592}  # the product of the sizes


def case(function: str, sizes: dict[str, int]) -> Case:
    """The function on these sizes; those left out have their defaults. Raises Trouble."""
    if function not in DEFAULTS:
        raise Trouble(f"There is no kernel {function!r} to trace: choose {_one_of(DEFAULTS)}.")
    defaults = DEFAULTS[function]
    if unknown := set(sizes) - set(defaults):
        raise Trouble(
            f"{function} has no size {min(unknown)}: it has {_one_of(defaults, 'and')}, as in "
            f"lab.trace({_call(function, defaults)})."
        )
    chosen = {**defaults, **sizes}
    for name, size in chosen.items():
        if not isinstance(size, int | np.integer) or isinstance(size, bool) or size < 1:
            raise Trouble(f"{name}={size!r}: a size is a whole number, 1 or more.")
    chosen = {name: int(size) for name, size in chosen.items()}
    work, most = math.prod(chosen.values()), MOST_WORK[function]
    if work > most:
        raise Trouble(
            f"{' x '.join(chosen)} = {work:,} is more than can be looked at step by step "
            f"(at most {most:,}). What happens shows on small sizes too, such as "
            f"lab.trace({_call(function, defaults)}); lab.profile takes GPT-2's."
        )
    return _case(function, list(chosen.values()))


def _case(function: str, sizes: list[int]) -> Case:
    rng = np.random.default_rng(0)  # the values make no difference to where a kernel goes
    if function == "gelu":
        return gelu_case(normal(rng, *sizes))
    if function == "layernorm":
        return layernorm_case(rng, normal(rng, *sizes))
    return linear_case(rng, *sizes)


def _call(function: str, sizes: dict[str, int]) -> str:
    return ", ".join([f'"{function}"', *(f"{name}={size}" for name, size in sizes.items())])


def _one_of(names, word: str = "or") -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}"
