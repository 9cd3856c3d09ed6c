"""Which isolation is in force on this machine: the strongest in which a worker can work.

That is tried, once for each device: what a kernel, a container or a driver refuses can't be told
from outside. MINGPT_ISOLATION names a weaker level to begin with.
"""

import functools
import os
from dataclasses import replace

from grader import files
from grader.isolation import sandbox
from grader.isolation.levels import BUBBLEWRAP, IsolationError, Level, candidates

SECONDS = 60.0  # that a trial may take: CUDA's driver needs some
NUMPY = "import numpy"
CUDA = """
import ctypes
cuda, number = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
for call in (
    lambda: cuda.cuInit(0),
    lambda: cuda.cuDeviceGet(ctypes.byref(number), 0),
    lambda: cuda.cuDevicePrimaryCtxRetain(ctypes.byref(ctypes.c_void_p()), number),
):
    if error := call():
        raise SystemExit(f"CUDA's driver refuses with error {error}")
"""
TRIALS = {"cpu": NUMPY, "cuda": NUMPY + CUDA}


@functools.cache
def in_force(device: str) -> Level:
    """The level of the workers for "cpu" or "cuda" that this process starts. Raises
    IsolationError."""
    levels = candidates()
    names = [level.name for level in levels]
    wanted = os.environ.get("MINGPT_ISOLATION") or names[0]
    if wanted not in names:
        raise IsolationError(f"MINGPT_ISOLATION={wanted}: here it can be {', '.join(names)}")
    reasons = [] if wanted == names[0] else [f"MINGPT_ISOLATION={wanted}"]
    *stronger, last = levels[names.index(wanted) :]
    for level in stronger:
        if not (refused := trial(level, device)):
            return replace(level, reason="; ".join(reasons))
        reasons.append(f"{level.name}: {refused}")
    return replace(last, reason="; ".join(reasons))


def trial(level: Level, device: str) -> str:
    """Why a worker can't work at this level, "" if it can."""
    folder = files.temporary_folder("mingpt-grade-")
    try:
        started = sandbox.start(
            ["-c", TRIALS[device]],
            level=level.name,
            device=device,
            folder=folder,
            shown={},
            inherit=(),
            variables={},
        )
        status = started.kill(grace=SECONDS)
        said = (folder / "output").read_text(errors="replace").strip().splitlines()
    except FileNotFoundError as error:
        return f"{error.filename} is not installed"
    except OSError as error:
        return str(error)
    finally:
        files.remove(folder)
    return "" if status == 0 else (said[-1][:200] if said else f"status {status}")


def require(device: str) -> None:
    """Raise IsolationError unless a submission is kept from everything."""
    level = in_force(device)
    if level.name == BUBBLEWRAP and not level.missing:
        return
    because = f", because of this: {level.reason}" if level.reason else ""
    raise IsolationError(
        f"--require-isolation: here it would be {level.description}{because}."
        " docs/security.md says how to set a machine up."
    )
