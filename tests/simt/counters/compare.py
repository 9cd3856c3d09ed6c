"""What simt profile counts of the kernels in kernels.cu, beside what Nsight Compute counted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from simt.profiling import Kernel, profile

FOLDER = Path(__file__).resolve().parent
MEASURED = json.loads((FOLDER / "nsight_compute.json").read_text())
COUNTERS = [name for name in MEASURED["metrics"] if not name.startswith("float_")] + ["flops"]

# Where the two may differ, and why.
EXPLAINED = {
    ("layernorm", "flops"): (
        "a GPU makes a division and a reciprocal root of several multiply-adds; simt counts one"
        " operation for each"
    ),
    ("reduce_shuffle", "flops"): (
        "nvcc moves the last addition into the branch of lane 0, the only lane that uses it"
    ),
}


@dataclass(frozen=True)
class Comparison:
    """One counter of one kernel."""

    kernel: str
    counter: str
    simt: int
    nsight_compute: int

    @property
    def reason(self) -> str:
        """Why the two may differ; "" if they must be equal."""
        return EXPLAINED.get((self.kernel, self.counter), "")


def compare() -> list[Comparison]:
    """All counters of all kernels, by kernel in the order of their launches."""
    return [
        Comparison(kernel.name, counter, counted(kernel)[counter], measured(kernel.name)[counter])
        for kernel in profile(FOLDER / "kernels.cu", blocks=0).kernels
        for counter in COUNTERS
    ]


def counted(kernel: Kernel) -> dict[str, int]:
    """By simt."""
    loads, stores = kernel.total("global", "load"), kernel.total("global", "store")
    atomics = kernel.total("global", "atomic")
    return {
        "global_load_requests": loads.requests,
        "global_store_requests": stores.requests,
        "global_load_sectors": loads.sectors,
        "global_store_sectors": stores.sectors,
        "shared_load_conflicts": kernel.total("shared", "load").bank_conflicts,
        "shared_store_conflicts": kernel.total("shared", "store").bank_conflicts,
        "global_atomic_requests": atomics.requests,
        "global_atomic_sectors": atomics.sectors,
        "flops": kernel.flops,
    }


def measured(name: str) -> dict[str, int]:
    """By Nsight Compute, on a GPU. A fused multiply-add is two operations."""
    metrics = MEASURED["kernels"][name]
    flops = metrics["float_adds"] + metrics["float_multiplies"] + 2 * metrics["float_fused"]
    return {**metrics, "flops": flops}
