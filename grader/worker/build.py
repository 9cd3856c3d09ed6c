"""Compile a submission's gpt.cu, in a process that can be killed with its compiler."""

from pathlib import Path

import numpy as np

from mingpt import kernels
from mingpt.paths import cache_dir


def build(
    submission: str,
    device: str,
    mode: str = "plain",
    capability: int | None = None,
    runtime: str | None = None,
) -> tuple[dict, list]:
    """The library's bytes. Raises BuildError, with the log.

    capability: of mingpt.build.build. runtime: simt's, compiled already.
    """
    if runtime:
        here = cache_dir() / Path(runtime).name  # where simt would put it
        if not here.exists():
            here.symlink_to(runtime)
    path = kernels.build(Path(submission), device, mode, capability)
    return {}, [np.frombuffer(path.read_bytes(), np.uint8)]
