"""The three operations of GPT-2 that a submission writes, here by torch.

kernels.CustomOps does the same with a submission's gpt.cu; model.py takes either.
"""

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor


class Ops(Protocol):
    def gelu(self, x: Tensor) -> Tensor:
        """GPT-2's gelu (the tanh form), element by element: (..., C) -> (..., C)."""

    def layernorm(self, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        """Each vector to mean 0 and variance 1, times weight (C), plus bias (C): (..., C)."""

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """x (..., K) times weight (N, K) transposed, plus bias (N) if there is one: (..., N)."""


class TorchOps:
    """All three by torch, on the device and in the dtype of what they are given."""

    def gelu(self, x: Tensor) -> Tensor:
        return F.gelu(x, approximate="tanh")

    def layernorm(self, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        return F.layer_norm(x, weight.shape, weight, bias, eps)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.linear(x, weight, bias)
