"""Builds a submission's gpt.cu: a worker compiles, and the grader keeps what came of it.

A worker can neither write to the cache of built kernels nor see it. It sends the library's bytes;
they are looked at and put into the cache here, whole or not at all, under the hash of all that the
worker had seen. No word of the submission is interpreted here.
"""

import errno
import functools
import hashlib
import sys
from pathlib import Path

import numpy as np

from grader import files
from grader.client import Worker
from grader.outcome import Failure, GraderError
from mingpt.build import find_toolchain
from mingpt.errors import ToolchainError
from mingpt.paths import PACKAGE, ROOT, cache_dir
from simt.build import CompileError, runtime_archive
from simt.cache import prune, touch

MOST_LIBRARY = 64 << 20  # bytes
ELF = b"\x7fELF"
CODE = {".py", ".h", ".hpp", ".cuh", ".cu", ".cpp", ".S", ".txt", ""}  # of simt/ and mingpt/


def build(worker: Worker, submission: Path, device: str, limit: float, mode: str = "plain") -> Path:
    """The library, in the cache. mode: of mingpt.build.build.

    The worker must have been started for this submission. Raises RequestFailed (kind "build": it
    does not compile), WorkerFailed, Failure where no library came back, and GraderError where the
    grader itself can't: there is no compiler, the disk is full.
    """
    try:
        toolchain = find_toolchain(device)
        runtime = runtime_archive(cache_dir()) if device == "cpu" else None
        seen = worker.shelf.digest()
    except (ToolchainError, CompileError) as error:
        raise GraderError(str(error).rstrip(".")) from None
    except OSError as error:
        raise Failure(f"{error.filename} can't be read: {error.strerror}.") from None
    parts = [device, mode, str(submission), toolchain.identity, _ours(), seen]
    key = hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()
    library = cache_dir() / f"graded-{key[:20]}.so"
    if library.exists():
        touch(library)
        return library
    _, arrays = worker.ask(
        "build",
        submission=str(submission),
        device=device,
        mode=mode,
        capability=toolchain.capability,
        runtime=runtime and worker.show(runtime),
        limit=limit,
    )
    if worker.shelf.digest() != seen:
        raise Failure("The submission was changed while it was being compiled. Grade it again.")
    _keep(library, _checked(arrays[0]))
    return library


@functools.cache
def _ours() -> str:
    """A digest of what is ours in a library: simt, and what gpt.cu includes."""
    found = hashlib.sha256()
    for folder in (PACKAGE, ROOT / "simt"):
        for path in sorted(folder.rglob("*")):
            if path.suffix in CODE and path.is_file():
                found.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return found.hexdigest()


def _checked(array: np.ndarray) -> bytes:
    """The library's bytes, if it may be one. Raises Failure."""
    data = array.tobytes()
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
