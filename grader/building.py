"""Builds a submission's gpt.cu: a worker compiles, and the grader keeps what came of it.

A worker can't write to the cache of built kernels, nor see it. It sends the library's bytes; they
are looked at and put into the cache here, whole or not at all, under the name that the grader has
made from the submission's own text.
"""

import errno
import os
import sys
from pathlib import Path

import numpy as np

from grader import files
from grader.client import Worker
from grader.isolation.shelf import home
from grader.outcome import Failure, GraderError
from mingpt import build as builder
from mingpt.errors import BuildError, SubmissionError, ToolchainError
from mingpt.paths import INCLUDE, cache_dir
from simt.build import CompileError, runtime_archive
from simt.cache import prune, touch

MOST_SOURCE = 4 << 20  # bytes of gpt.cu, and of each file that it includes
MOST_LIBRARY = 64 << 20  # bytes
ELF = b"\x7fELF"


def build(worker: Worker, submission: Path, device: str, limit: float, mode: str = "plain") -> Path:
    """The library, in the cache. mode: of mingpt.build.build.

    Raises RequestFailed (kind "build": it does not compile), WorkerFailed, Failure for what may not
    be compiled or came back as a library, and GraderError where the grader itself can't.
    """
    planned = plan(submission, device, mode)
    if planned.library.exists():
        touch(planned.library)
        return planned.library
    fields = {"submission": str(submission), "device": device, "mode": mode}
    if planned.capability:
        fields["capability"] = planned.capability
    if device == "cpu":
        fields["runtime"] = worker.show(_runtime())
    _, arrays = worker.ask("build", limit=limit, **fields)
    if plan(submission, device, mode) != planned:
        raise Failure("gpt.cu was changed while it was being compiled. Grade it again.")
    _keep(planned.library, _library(arrays))
    return planned.library


def plan(submission: Path, device: str, mode: str) -> builder.Plan:
    """What is going to be built. Raises as build does."""
    source = submission / "gpt.cu"
    try:
        _check_size(source, submission)
        planned = builder.plan(submission, device, mode)
    except OSError as error:
        raise Failure(f"gpt.cu can't be read: {error.strerror}.") from None
    except ToolchainError as error:
        raise GraderError(str(error)) from None
    except (SubmissionError, BuildError) as error:
        raise Failure(str(error)) from None
    for path in planned.sources:
        _check_place(path, submission)
        _check_size(path, submission)
    return planned


def _check_place(path: Path, submission: Path) -> None:
    inside = (home(submission).resolve(), INCLUDE)
    if not any(folder in path.resolve().parents for folder in inside):
        raise Failure(
            f"{path.name} lies outside of the submission's folder, and gpt.cu is or includes it.",
            'All that gpt.cu includes by its own #include "..." belongs beside it.',
        )


def _check_size(path: Path, submission: Path) -> None:
    size = path.stat().st_size
    if size > MOST_SOURCE:
        shown = os.path.relpath(path, submission)
        raise Failure(f"{shown} has {size:,} bytes, and {MOST_SOURCE:,} are allowed.")


def _runtime() -> Path:
    """simt's own part of each library for the CPU, compiled here the first time."""
    try:
        return runtime_archive(cache_dir())
    except CompileError as error:
        raise GraderError(f"simt's runtime can't be compiled: {error}") from None


def _library(arrays: list[np.ndarray]) -> bytes:
    if [(array.dtype.name, array.ndim) for array in arrays] != [("uint8", 1)]:
        raise Failure("The worker sent back something else than a library.")
    data = arrays[0].tobytes()
    if len(data) > MOST_LIBRARY:
        raise Failure(
            f"The compiled library has {len(data):,} bytes, and {MOST_LIBRARY:,} are allowed."
        )
    if sys.platform == "linux" and not data.startswith(ELF):
        raise Failure("What the compiler made of gpt.cu is no library.")
    return data


def _keep(path: Path, library: bytes) -> None:
    """Into the cache. A second grader that does the same at once does no harm."""
    try:
        files.write(path, library)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise GraderError(
            f"the built library can't be written to {path.parent}:"
            f" {'the disk is full' if full else error.strerror}. Free some space there, or set"
            " MINGPT_CACHE to another folder"
        ) from None
    prune(path.parent)
