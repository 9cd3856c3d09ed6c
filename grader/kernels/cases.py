"""The sizes and values that each kernel is tried on, simplest first.

Sizes break assumptions: 1, odd, one more than a block or a tile, not a multiple of 32; then
GPT-2's own. `small_cases` are those for the check of memory, `gpt2_case` is what traffic is counted
for. Values are drawn afresh at each grading. `tags` say what is special about a case: if
all cases with a tag fail and all others pass, the tag is the cause.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Case:
    function: str
    inputs: dict[str, np.ndarray | None]  # by the names of gpt.h's parameters, in their order
    shape: tuple[int, int]  # of the output
    sizes: dict[str, int]  # the integer arguments, in their order
    eps: float | None = None
    tags: frozenset[str] = field(default_factory=frozenset)
    what: str = ""  # what is special about the values, in words

    @property
    def name(self) -> str:
        """For messages: gelu(num_rows=1, num_cols=7)"""
        arguments = [f"{name}={size}" for name, size in self.sizes.items()]
        if self.eps is not None and "eps" in self.tags:
            arguments.append(f"eps={self.eps:g}")
        if self.inputs.get("bias", ...) is None:
            arguments.append("bias=NULL")
        return f"{self.function}({', '.join(arguments)})" + (
            f" with {self.what}" if self.what else ""
        )

    @property
    def call(self) -> dict:
        """What a worker must be told besides the arrays."""
        return {
            "function": self.function,
            "sizes": list(self.sizes.values()),
            "eps": self.eps,
            "null_bias": self.inputs.get("bias", ...) is None,
        }

    @property
    def work(self) -> int:
        """Elements, or for linear products, to compute."""
        return math.prod(self.sizes.values())


def turned(case: Case) -> Case:
    """The same with each input's rows in reverse: another case, of the same size."""
    inputs = {
        name: None if array is None else np.ascontiguousarray(array[::-1])
        for name, array in case.inputs.items()
    }
    return replace(
        case, inputs=inputs, what=f"{case.what}, once more, in another order".strip(", ")
    )


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


# ------------------------------------------------------------------------------------- gelu

GELU_SIZES = [
    (1, 1),
    (1, 32),
    (1, 256),
    (1, 31),
    (3, 7),
    (5, 255),
    (1, 257),
    (1, 1025),
    (17, 129),
    (64, 768),
    (33, 3072),
    (128, 3072),
]


def gelu_cases(rng: np.random.Generator) -> list[Case]:
    """All sizes with values of a few units; then a wide range, large values, and values near 0."""
    # A size of 1 says little about a formula: draw all but the first few with a spread of 2.
    cases = [gelu_case(2 * normal(rng, *size)) for size in GELU_SIZES]
    x = rng.uniform(-6, 6, (8, 96)).astype(np.float32)
    cases.append(gelu_case(x, what="values between -6 and 6"))
    large = (rng.choice([-1.0, 1.0], (4, 64)) * np.exp(rng.uniform(2, 13, (4, 64)))).astype(
        np.float32
    )
    cases.append(gelu_case(large, ["large"], "values as large as 400000"))
    tiny = (1e-6 * normal(rng, 4, 64)).astype(np.float32)
    tiny[0, :2] = 0.0
    return [*cases, gelu_case(tiny, ["tiny"], "values near 0")]


def gelu_case(x: np.ndarray, tags=(), what: str = "") -> Case:
    rows, cols = x.shape
    if rows * cols % 32:
        tags = (*tags, "partial block")
    sizes = {"num_rows": rows, "num_cols": cols}
    return Case("gelu", {"in": x}, x.shape, sizes, tags=frozenset(tags), what=what)


# -------------------------------------------------------------------------------- layernorm

LAYERNORM_SIZES = [
    (1, 32),
    (4, 256),
    (2, 768),
    (1, 2),
    (3, 5),
    (2, 31),
    (3, 33),
    (2, 257),
    (300, 16),
    (5, 1023),
    (2, 1600),
    (3, 4099),
    (3, 1),
]


def layernorm_cases(rng: np.random.Generator) -> list[Case]:
    """All sizes; then an eps that counts, a mean far from 0, rows of one value, large values."""

    def case(x: np.ndarray, eps: float = 1e-5, tags=(), what: str = "") -> Case:
        return layernorm_case(rng, x, eps, tags, what)

    cases = [case(normal(rng, *size) + normal(rng, size[0], 1)) for size in LAYERNORM_SIZES]
    cases.append(case(normal(rng, 4, 96), eps=0.5, tags=["eps"]))
    cases.append(case(0.003 * normal(rng, 4, 160), tags=["eps"], what="a variance as small as eps"))
    offset = normal(rng, 4, 768) + np.float32(rng.uniform(4000, 5000))
    cases.append(case(offset, tags=["offset"], what="a mean above 4000"))
    cases.append(case(1000 * normal(rng, 4, 192), tags=["large"], what="values of thousands"))
    flat = np.repeat(normal(rng, 3, 1), 64, axis=1)
    return [*cases, case(flat, tags=["flat"], what="rows of one value")]


def layernorm_case(
    rng: np.random.Generator, x: np.ndarray, eps: float = 1e-5, tags=(), what: str = ""
) -> Case:
    rows, cols = x.shape
    inputs = {"in": x, "weight": 1 + 0.5 * normal(rng, cols), "bias": normal(rng, cols)}
    tags = {*tags, *(["odd"] if cols % 32 else []), *(["one column"] if cols == 1 else [])}
    tags |= {f"cols > {size}" for size in (32, 256, 1024) if cols > size}
    tags |= {"many rows"} if rows > 1 else set()
    sizes = {"num_rows": rows, "num_cols": cols}
    return Case("layernorm", inputs, x.shape, sizes, eps, frozenset(tags), what)


# ----------------------------------------------------------------------------------- linear

# (m, n, k): whole tiles of 32; one size at a time not a multiple of it; all three; 1 and less than
# a tile; GPT-2's own at a length that a CPU can do.
LINEAR_SIZES = [
    (32, 32, 32),
    (64, 96, 128),
    (32, 32, 33),
    (64, 32, 40),
    (32, 32, 5),
    (32, 33, 64),
    (64, 1, 32),
    (33, 32, 64),
    (1, 64, 64),
    (1, 1, 1),
    (7, 13, 29),
    (45, 67, 83),
    (2, 3, 100),
    (129, 5, 31),
    (1, 2304, 768),
    (16, 768, 768),
    (3, 768, 3072),
]
LINEAR_NO_BIAS = [(64, 64, 64), (1, 1001, 96), (5, 7, 9)]


def linear_cases(rng: np.random.Generator) -> list[Case]:
    """All sizes with a bias; then without; then values of very different sizes."""
    cases = [linear_case(rng, *size) for size in LINEAR_SIZES]
    cases += [linear_case(rng, *size, bias=False) for size in LINEAR_NO_BIAS]
    return [*cases, linear_case(rng, 64, 64, 64, scale=1e4, what="large values")]


def linear_case(
    rng: np.random.Generator,
    m: int,
    n: int,
    k: int,
    bias: bool = True,
    scale: float = 1.0,
    what: str = "",
) -> Case:
    tags = {f"{name} % 32" for name, size in (("m", m), ("n", n), ("k", k)) if size % 32}
    tags |= {"m = 1"} if m == 1 else {"m > 1"}
    tags |= set() if bias else {"null bias"}
    x, weight = scale * normal(rng, m, k), normal(rng, n, k)
    inputs = {
        "in": x.astype(np.float32),
        "weight": weight,
        "bias": normal(rng, n) if bias else None,
    }
    return Case("linear", inputs, (m, n), {"m": m, "n": n, "k": k}, None, frozenset(tags), what)


CASES = {"gelu": gelu_cases, "layernorm": layernorm_cases, "linear": linear_cases}


# ---------------------------------------------------------------------- for instrumented builds

MOST_WORK = 300_000  # of a case that an instrumented build, some 30 times slower, is asked for


def small_cases(function: str, rng: np.random.Generator) -> list[Case]:
    """Every size that is not large; special values make no difference to memory."""
    return [case for case in CASES[function](rng) if case.work <= MOST_WORK and not case.what]


def gpt2_case(function: str, rng: np.random.Generator) -> Case:
    """A layer of GPT-2 (124M) with 64 tokens. (With one token, as in decoding, there is nothing to
    share: all that counts then is to read the weights once, and speed shows that.)"""
    if function == "gelu":
        return gelu_case(normal(rng, 64, 3072))
    if function == "layernorm":
        return layernorm_case(rng, normal(rng, 64, 768))
    return linear_case(rng, 64, 768, 768)
