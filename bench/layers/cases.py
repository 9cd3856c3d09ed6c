"""gelu, layernorm and linear at GPT-2's sizes: what each must move and compute, and its buffers."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

EPS = 1e-5
ROWS = (1, 16, 64, 512, 1024)  # m: a decode step, prompts
COLUMNS = {"gelu": 3072, "layernorm": 768}
# (n, k): query, key and value; attention's projection; the MLP; the lm_head, which has no bias
WEIGHTS = ((2304, 768), (768, 768), (3072, 768), (768, 3072), (50257, 768))
LM_HEAD = (50257, 768)
CACHES = 4  # the buffers that calls rotate over are so many times as large as the L2 cache
MOST_COPIES = 100


@dataclass(frozen=True)
class Case:
    """A layer on m rows. out is (m, n); in is (m, n), or (m, k) of linear."""

    layer: str
    m: int
    n: int
    k: int = 0

    @property
    def name(self) -> str:
        return "×".join(str(size) for size in (self.m, self.n, self.k) if size)

    @property
    def has_bias(self) -> bool:
        return self.layer != "gelu" and (self.n, self.k) != LM_HEAD

    @property
    def bytes(self) -> int:
        """Each input read once, each output written once."""
        inputs = self.m * (self.k or self.n) + self.n * self.k
        if self.layer == "layernorm":
            inputs += self.n
        return 4 * (inputs + self.has_bias * self.n + self.m * self.n)

    @property
    def flops(self) -> int:
        """Of linear: a multiplication and an addition for each weight and row."""
        return 2 * self.m * self.n * self.k

    def copies(self, cache: int) -> int:
        """How many sets of buffers outgrow a cache of so many bytes; at most MOST_COPIES."""
        return min(MOST_COPIES, max(2, math.ceil(CACHES * cache / self.bytes)))


def cases(rows: tuple[int, ...]) -> list[Case]:
    """All, in the order of the tables."""
    found = [Case(layer, m, n) for layer, n in COLUMNS.items() for m in rows]
    return found + [Case("linear", m, n, k) for m in rows for n, k in WEIGHTS]


@dataclass
class Buffers:
    """The tensors of one call."""

    out: Tensor  # (m, n)
    x: Tensor  # (m, n) or (m, k)
    weight: Tensor | None  # (n) or (n, k)
    bias: Tensor | None  # (n)

    @staticmethod
    def of(case: Case, device: str) -> "Buffers":
        """Random inputs; the output is NaN, so that what is not written shows."""

        def random(*shape: int) -> Tensor:
            return torch.randn(shape, device=device)

        weight = {"gelu": (), "layernorm": (case.n,), "linear": (case.n, case.k)}[case.layer]
        return Buffers(
            out=torch.full((case.m, case.n), float("nan"), device=device),
            x=random(case.m, case.k or case.n),
            weight=random(*weight) if weight else None,
            bias=random(case.n) if case.has_bias else None,
        )

    def expected(self, layer: str) -> Tensor:
        """The output in float64, (m, n)."""
        x, w, b = (None if t is None else t.double() for t in (self.x, self.weight, self.bias))
        if layer == "gelu":
            return F.gelu(x, approximate="tanh")
        if layer == "layernorm":
            return F.layer_norm(x, w.shape, w, b, EPS)
        return F.linear(x, w, b)


def relative_error(got: Tensor, expected: Tensor) -> float:
    """The largest error, relative to the largest expected value. NaN if anything is."""
    return float((got.double() - expected).abs().max() / expected.abs().max())
