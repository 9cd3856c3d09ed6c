"""Compile a submission's gpt.cu, in a process that can be killed with its compiler."""

import time
from pathlib import Path

from mingpt import kernels


def build(submission: str, device: str, mode: str = "plain") -> tuple[dict, list]:
    """{"path", "seconds"} of the library in the cache. Raises BuildError, with the log."""
    start = time.monotonic()
    path = kernels.build(Path(submission), device, mode)
    return {"path": str(path), "seconds": round(time.monotonic() - start, 3)}, []
