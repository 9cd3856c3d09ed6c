"""The roofline model: how fast a GPU could run a kernel, by the bytes that each operation costs.

A kernel that does I floating-point operations for each byte of memory (its arithmetic intensity)
runs at most at min(peak, I * bandwidth). simt measures no GPU time: all of this is ceilings.
Williams, Waterman, Patterson: "Roofline: an insightful visual performance model", 2009.
"""

from __future__ import annotations

from dataclasses import dataclass

from simt.profiling.kernel import Kernel


@dataclass(frozen=True)
class Gpu:
    """A roof."""

    name: str
    bandwidth: float  # of its memory, bytes/s
    peak: float  # fp32 without tensor cores, flop/s
    source: str  # of these figures

    @property
    def ridge(self) -> float:
        """The intensity, in flop/byte, from which on arithmetic is the limit."""
        return self.peak / self.bandwidth

    def ceiling(self, intensity: float) -> float:
        """The highest rate at an intensity, flop/s."""
        return min(self.peak, intensity * self.bandwidth)


_DATASHEET = "NVIDIA's data sheet"
GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("H100", 3.0e12, 67e12, f"80 GB SXM: read bandwidth as measured, peak by {_DATASHEET}"),
        Gpu("A100", 1.56e12, 19.5e12, f"40 GB: {_DATASHEET}"),
        Gpu("T4", 0.32e12, 8.1e12, _DATASHEET),
        Gpu("RTX 4090", 1.01e12, 82.6e12, _DATASHEET),
    )
}
DEFAULT_GPU = GPUS["H100"]


def find_gpu(name: str) -> Gpu | None:
    """By its name, in any case and with or without spaces and hyphens: "rtx4090"."""

    def plain(text: str) -> str:
        return text.lower().replace(" ", "").replace("-", "")

    return next((gpu for gpu in GPUS.values() if plain(gpu.name) == plain(name)), None)


@dataclass(frozen=True)
class Roofline:
    """Where a kernel stands under a GPU's roof. Intensities are in flop/byte, rates in flop/s."""

    gpu: Gpu
    moved: float  # intensity, if every sector came from memory: no cache helps
    distinct: float  # if each byte came once: caches or shared memory serve all reuse

    @property
    def bound(self) -> str:
        """What limits it: "memory", "compute", or "reuse" where that decides."""
        if self.distinct < self.gpu.ridge:
            return "memory"
        return "compute" if self.moved >= self.gpu.ridge else "reuse"


def roofline(kernel: Kernel, gpu: Gpu) -> Roofline | None:
    """None for a kernel that does no floating-point operations, or uses no global memory."""
    distinct = kernel.bytes_read + kernel.bytes_written
    if not kernel.flops or not kernel.bytes_moved or not distinct:
        return None
    return Roofline(gpu, kernel.intensity, kernel.flops / distinct)
