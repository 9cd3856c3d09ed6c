"""The worker's own limits, set at its start, before it touches a submission: by itself, or by the
launcher. They can't be raised again."""

import contextlib
import os
import resource

DONE = "MINGPT_LIMITED"  # in the environment of a worker that has its limits already
FILE_BYTES = 64 << 20  # the largest file: captured output, and compiled libraries
OPEN_FILES = 1024
PROCESSES = 2048  # of one worker, threads included: torch and a compiler take some 10 per core
CPU_SECONDS = 1200  # for each core
ADDRESS_SPACE = 16 << 30  # bytes: importing a torch that was built for CUDA maps several GB
PART_OF_MEMORY = 0.75  # of the machine's, that one process may have to itself


def confine(device: str, others: int = 0) -> None:
    """Limit this process and its children. others: processes of the same user that count with them,
    for they share no namespace of users.

    (Not between fork and exec: running Python there isn't safe in a grader that has threads.)
    """
    cores = os.cpu_count() or 1
    limits = {
        "CORE": 1,  # byte: with 0 the kernel still pipes a crash into the system's collector
        "FSIZE": FILE_BYTES,
        "NOFILE": OPEN_FILES,
        "CPU": CPU_SECONDS * cores,
        "NPROC": others + PROCESSES + 16 * cores,
    }
    if device == "cpu":  # a CUDA context reserves far more address space than it uses
        limits["AS"] = ADDRESS_SPACE
        with contextlib.suppress(ValueError):  # macOS doesn't tell
            memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            limits["DATA"] = int(PART_OF_MEMORY * memory)
    for name, value in limits.items():
        _limit(name, value)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # where memory runs out, it is this process that ends, not the grader


def _limit(name: str, value: int) -> None:
    which = getattr(resource, f"RLIMIT_{name}", None)
    if which is None:
        return
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses some
        resource.setrlimit(which, (value, value))
