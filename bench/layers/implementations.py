"""Who computes a layer: a submission's kernels, torch (cuBLAS), or a copy that computes nothing."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.layers.cases import EPS, Buffers, Case
from mingpt.kernels import SIGNATURES, KernelLibrary, build

FLOAT32, TF32 = 1e-5, 5e-3  # the relative error up to which a value counts as right
COPY, CUBLAS, CUBLAS_TF32 = "copy", "torch", "torch TF32"


class Implementation:
    """Base of all. name: unique, for a reader. tolerance: of its relative error."""

    name: str
    tolerance = FLOAT32

    def has(self, case: Case) -> bool:
        raise NotImplementedError

    def call(self, case: Case, b: Buffers) -> Tensor:
        """Queues the layer on the current stream. The output."""
        raise NotImplementedError

    def check(self, case: Case) -> None:
        """Raises KernelError if a launch has failed."""


class Submission(Implementation):
    """The functions of a gpt.cu. tf32: its linear_tf32 in place of linear."""

    def __init__(self, folder: Path, device: str, tf32: bool = False):
        self.name = folder.name + (" TF32" if tf32 else "")
        self.tolerance = TF32 if tf32 else FLOAT32
        self._library = KernelLibrary(build(folder, device), device)
        self._tf32, self._device = tf32, device

    def has(self, case: Case) -> bool:
        if self._tf32:
            return case.layer == "linear" and self._library.exports("linear_tf32")
        return self._library.exports(case.layer)

    def call(self, case: Case, b: Buffers) -> Tensor:
        stream = torch.cuda.current_stream().cuda_stream if self._device == "cuda" else 0
        out, x = b.out.data_ptr(), b.x.data_ptr()
        weight, bias = (None if t is None else t.data_ptr() for t in (b.weight, b.bias))
        if case.layer == "gelu":
            self._library.call_gelu(out, x, case.m, case.n, stream)
        elif case.layer == "layernorm":
            self._library.call_layernorm(out, x, weight, bias, EPS, case.m, case.n, stream)
        else:
            name = "linear_tf32" if self._tf32 else "linear"
            linear = self._library.function(name, SIGNATURES["linear"])
            linear(out, x, weight, bias, case.m, case.n, case.k, stream)
        return b.out

    def check(self, case: Case) -> None:
        self._library.check(case.layer)


class Torch(Implementation):
    """torch's own; linear is cuBLAS's. tf32: the tensor cores may round its inputs."""

    def __init__(self, tf32: bool = False):
        self.name = CUBLAS_TF32 if tf32 else CUBLAS
        self.tolerance = TF32 if tf32 else FLOAT32
        self._tf32 = tf32

    def has(self, case: Case) -> bool:
        return case.layer == "linear" or not self._tf32

    def call(self, case: Case, b: Buffers) -> Tensor:
        if case.layer == "gelu":
            return F.gelu(b.x, approximate="tanh")
        if case.layer == "layernorm":
            return F.layer_norm(b.x, b.weight.shape, b.weight, b.bias, EPS)
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = self._tf32
        try:
            return F.linear(b.x, b.weight, b.bias)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before


class Copy(Implementation):
    """What gelu and layernorm can't be faster than: their input to their output, unchanged."""

    name = COPY
    tolerance = float("inf")  # there is no value to check

    def has(self, case: Case) -> bool:
        return case.layer != "linear"

    def call(self, case: Case, b: Buffers) -> Tensor:
        return b.out.copy_(b.x)


def implementations(folders: list[Path], device: str) -> list[Implementation]:
    """All of them. Raises BuildError."""
    ours: list[Implementation] = []
    for folder in folders:
        ours.append(Submission(folder, device))
        if ours[-1]._library.exports("linear_tf32"):
            ours.append(Submission(folder, device, tf32=True))
    return [Torch(), *([Torch(tf32=True)] if device == "cuda" else []), *ours, Copy()]
