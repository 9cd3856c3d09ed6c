"""Python's side of counter.c: layers whose calls it counts."""

import ctypes
from ctypes import c_int, c_void_p
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.nn import Parameter

from mingpt.kernels import LAYERS, SIGNATURES, KernelLibrary
from mingpt.ops import TorchOps

MOST, COLUMNS = 4096, 5  # of the table: kind, three sizes, calls
TENSORS = {Tensor, Parameter, type(None)}  # no classes of a submission's
GELU, LAYERNORM, LINEAR = range(3)  # in the order of LAYERS


class Counter:
    """A loaded counter.c."""

    def __init__(self, path: str):
        """Raises OSError."""
        self.library = ctypes.CDLL(path)
        self.count = self.library.count
        self.count.argtypes, self.count.restype = (c_int,) * 4, None
        self.library.set_target.argtypes = (c_int, c_void_p)

    def through(self, name: str, function):
        """A function of gpt.h that counts and then calls `function`, one of ctypes'."""
        address = ctypes.cast(function, c_void_p).value
        self.library.set_target(LAYERS.index(name), address)
        counted = self.library[name]  # an object of its own for each
        counted.argtypes, counted.restype = SIGNATURES[name], None
        return counted

    def take(self) -> np.ndarray:
        """The calls since the last time: (rows, 5) int64."""
        table = np.zeros((MOST, COLUMNS), np.int64)
        return table[: self.library.take(c_void_p(table.ctypes.data))]


class CountedLibrary(KernelLibrary):
    """A submission's library, its three layers called by way of the counter."""

    def __init__(self, path: Path, device: str, counter: Counter):
        super().__init__(path, device)
        self._counter = counter

    def function(self, name: str, parameters: tuple = (), result=None):
        found = super().function(name, parameters, result)
        return self._counter.through(name, found) if name in LAYERS else found


def counted_ops(counter: Counter) -> TorchOps:
    """torch's layers, counted: each call that has been computed.

    The counter is no attribute of theirs. And what only looks like a tensor, or has no elements to
    compute with (the device "meta"), counts for nothing: a call that costs nothing proves nothing.
    """
    count = counter.count

    def is_real(x: Tensor, *others: Tensor | None) -> bool:
        return TENSORS.issuperset(map(type, (x, *others))) and not x.is_meta

    class Counted(TorchOps):
        def gelu(self, x: Tensor) -> Tensor:
            out = super().gelu(x)
            if is_real(x):
                count(GELU, x.numel() // x.shape[-1], x.shape[-1], 0)
            return out

        def layernorm(self, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
            out = super().layernorm(x, weight, bias, eps)
            if is_real(x, weight, bias):
                count(LAYERNORM, x.numel() // x.shape[-1], x.shape[-1], 0)
            return out

        def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            out = super().linear(x, weight, bias)
            if is_real(x, weight, bias):
                n, k = weight.shape
                count(LINEAR, x.numel() // k, n, k)
            return out

    return Counted()
