"""Memory traffic that simt profile counts, against what Nsight Compute counted on a GPU."""

import json
from pathlib import Path

import pytest

from simt.profiling import profile

FOLDER = Path(__file__).parent / "counters"
MEASURED = json.loads((FOLDER / "nsight_compute.json").read_text())["kernels"]


@pytest.fixture(scope="module")
def counted():
    return {kernel.name: kernel for kernel in profile(FOLDER / "kernels.cu", blocks=0).kernels}


@pytest.mark.parametrize("name", MEASURED)
def test_equals_nsight_compute(counted, name):
    kernel = counted[name]
    loads, stores = kernel.total("global", "load"), kernel.total("global", "store")
    atomics = kernel.total("global", "atomic")
    shared_loads, shared_stores = kernel.total("shared", "load"), kernel.total("shared", "store")
    ours = {
        "global_load_requests": loads.requests,
        "global_store_requests": stores.requests,
        "global_load_sectors": loads.sectors,
        "global_store_sectors": stores.sectors,
        "shared_load_conflicts": shared_loads.bank_conflicts,
        "shared_store_conflicts": shared_stores.bank_conflicts,
        "global_atomic_requests": atomics.requests,
        "global_atomic_sectors": atomics.sectors,
    }
    assert ours == MEASURED[name]
