"""Is a measured speed one that the machine's memory allows? If not, a human should look at it.

The bytes that the work must read, over the bandwidth at which a trusted worker reads as many on the
same device, just then. Caches give more than memory does, so there is room above it.
"""

from typing import TYPE_CHECKING

from grader.client import Worker

if TYPE_CHECKING:
    from mingpt.model import GPTConfig

ROOM = {"cpu": 4.0, "cuda": 1.25}  # times the bandwidth: on a CPU a model may lie in the caches
ROOM_OF_CALLS = 4.0  # for arrays that a GPU's L2 may hold
ARRAYS = 1 << 29  # bytes that are read to know the bandwidth for those
BYTES_OF_WEIGHT = {"float32": 4, "bf16": 2, "int8": 1}
LIMIT = 30.0  # seconds for the measurement


def step_bytes(config: "GPTConfig", weights: str = "float32") -> int:
    """What a decode step must read: each weight once, of the position embedding next to nothing."""
    c = config.n_embd
    block = 12 * c * c + 13 * c  # four matrices with their biases, two layernorms
    return BYTES_OF_WEIGHT[weights] * (config.n_layer * block + (config.vocab_size + 2) * c)


def bandwidth(worker: Worker, size: int, device: str) -> float:
    """Bytes a second at which `worker` reads `size` bytes. Nothing submitted may have run in it."""
    reply, _ = worker.ask("read_memory", size=size, device=device, limit=LIMIT)
    return size / reply["seconds"]


def flags(what: str, rate: float, size: float, bandwidth: float, room: float) -> tuple[str, ...]:
    """One where `rate` a second, each of which reads `size` bytes, is more than `room` times the
    bandwidth (bytes a second); else none."""
    if rate * size <= room * bandwidth:
        return ()
    return (
        f"{what} would read {rate * size / 1e9:,.0f} GB/s, and this device reads"
        f" {bandwidth / 1e9:,.0f} GB/s: faster than its memory allows.",
    )
