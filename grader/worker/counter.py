"""Python's side of counter.c: layers whose calls it counts."""

import ctypes
from ctypes import c_int, c_void_p
from pathlib import Path

import numpy as np
from torch import Tensor

from mingpt.kernels import LAYERS, SIGNATURES, KernelLibrary
from mingpt.ops import TorchOps

MOST, COLUMNS = 4096, 5  # of the table: kind, three sizes, calls
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


class CountedOps(TorchOps):
    """torch's layers, counted."""

    def __init__(self, counter: Counter):
        self._count = counter.count

    def gelu(self, x: Tensor) -> Tensor:
        cols = x.shape[-1]
        self._count(GELU, x.numel() // cols, cols, 0)
        return super().gelu(x)

    def layernorm(self, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        cols = x.shape[-1]
        self._count(LAYERNORM, x.numel() // cols, cols, 0)
        return super().layernorm(x, weight, bias, eps)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        n, k = weight.shape
        self._count(LINEAR, x.numel() // k, n, k)
        return super().linear(x, weight, bias)
