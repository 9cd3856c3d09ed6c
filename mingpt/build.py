"""Builds a submission's gpt.cu into a shared library, for the CPU (by simt) or a GPU (by nvcc).

Built libraries are kept in paths.cache_dir() under the hash of all that went into them: a change
builds a new file, the same content is built once. A library is never overwritten in place, for
dlopen takes an old one for a new one of the same path.
"""

import functools
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mingpt.errors import BuildError, DeviceError, ToolchainError
from mingpt.paths import INCLUDE, PACKAGE, ROOT, cache_dir
from mingpt.submission import check_folder
from simt import needs
from simt.cache import touch, workspace
from simt.compiler import CompileError

LAST_ERROR = PACKAGE / "cuda" / "last_error.h"
TIMEOUT = 300  # seconds
OLDEST = 70  # Volta: from there on, the threads of a warp are independent, as the labs assume


def pick_device(device: str = "auto") -> str:
    """'cpu' or 'cuda'. 'auto' is 'cuda' where torch sees a GPU and there is nvcc for it.

    Raises DeviceError for 'cuda' where torch sees none.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() and shutil.which("nvcc") else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "torch sees no NVIDIA GPU here (torch.cuda.is_available() is False).\n"
            "Leave out --device: the CPU does everything, only slower."
        )
    return device


@dataclass(frozen=True)
class Toolchain:
    """What compiles for a device on this machine."""

    identity: str  # changes whenever the same source could become something else
    capability: int | None  # the GPU's compute capability times 10, such as 90; None on a CPU


def find_toolchain(device: str) -> Toolchain:
    """For 'cpu' or 'cuda'. Raises ToolchainError where there is none."""
    if device == "cpu":
        from simt.compiler import CompileError, find_compiler

        try:
            return Toolchain(find_compiler().identity(), None)
        except CompileError as e:
            raise ToolchainError(str(e)) from None
    nvcc, capability = _find_nvcc(), _capability()
    return Toolchain(f"{_version(nvcc)} {capability}", capability)


def build(
    submission: Path, device: str = "cpu", mode: str = "plain", capability: int | None = None
) -> Path:
    """The library built from submission/gpt.cu for 'cpu' or 'cuda'.

    mode: 'check' or 'profile' for one of simt's instrumented builds, on the CPU only. capability:
    the GPU's, if it is known already. Raises BuildError with the compiler's messages, or when there
    is no compiler, and SubmissionError when there is no gpt.cu.
    """
    source = check_folder(submission, "gpt.cu") / "gpt.cu"
    if device == "cpu":
        return _build_cpu(source, mode)
    return _build_cuda(source, capability or _capability())


def _build_cpu(source: Path, mode: str) -> Path:
    from simt.build import CompileError, build_library

    try:
        built = build_library(source, include_dirs=[INCLUDE], cache_dir=cache_dir(), mode=mode)
    except CompileError as e:
        raise BuildError(f"{_shown(source)} does not compile for the CPU:\n{e}") from None
    return built.path


def _build_cuda(source: Path, capability: int) -> Path:
    """capability: the GPU's compute capability times 10, such as 90."""
    nvcc = _find_nvcc()
    # What two libraries call by one name stays two things, `static` variables of templates too,
    # which GNU would unite for the whole process.
    target = _target(capability, _architectures(nvcc), _release(nvcc))
    both = [target, "-Xcompiler", "-fPIC,-fno-gnu-unique"]
    # CUB marks its own work for profilers, for which it opens a library: nobody asked for that.
    flags = [*both, "-O3", "-std=c++17", "-lineinfo", "-DCCCL_DISABLE_NVTX"]
    flags += ["-I", str(INCLUDE), "-include", str(LAST_ERROR)]
    link = [*both, "-shared", "-Xlinker", "-Bsymbolic"]
    inputs = [source, *local_includes(source), LAST_ERROR, *sorted(INCLUDE.iterdir())]
    key = hashlib.sha256(repr((_version(nvcc), flags, link, needs.SECTION)).encode())
    for path in inputs:
        key.update(path.read_bytes())
    library = cache_dir() / f"gpt-sm_{capability}-{key.hexdigest()[:20]}.so"
    if library.exists():
        touch(library)
        return library

    with workspace(library.parent) as folder:
        partial, compiled = folder / library.name, folder / "gpt.o"
        _run(source, [nvcc, *flags, "-c", "-o", str(compiled), str(source)])
        try:
            needed = needs.needs_object([nvcc], [compiled], folder)
        except CompileError as e:
            raise BuildError(str(e)) from None
        _run(source, [nvcc, *link, "-o", str(partial), str(compiled), str(needed)])
        os.replace(partial, library)  # whole or not at all; a second build at once does no harm
    return library


def _run(source: Path, command: list[str]) -> None:
    """nvcc, on a submission's source. Raises BuildError with what it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise BuildError(f"nvcc did not finish {_shown(source)} in {TIMEOUT} s.") from None
    if done.returncode != 0:
        log = (done.stdout + done.stderr).strip() or f"nvcc ended with {done.returncode}"
        raise BuildError(f"{_shown(source)} does not compile for the GPU:\n{log}")


def local_includes(source: Path) -> list[Path]:
    """The files that `source` includes with quotes, and those that they include, if they exist."""
    found: dict[Path, None] = {}
    queue = [source]
    while queue:
        file = queue.pop()
        text = file.read_text("utf-8", errors="replace")
        for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.MULTILINE):
            if not os.path.isfile(file.parent / name):  # also for what can be no file's name
                continue
            path = (file.parent / name).resolve()
            if path not in found:
                found[path] = None
                queue.append(path)
    return list(found)


def _find_nvcc() -> str:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        raise ToolchainError(
            "There is no nvcc on the PATH. Install the CUDA toolkit, or use --device cpu."
        )
    return nvcc


def _capability() -> int:
    """The GPU's, times 10. 80 without one: to see whether it compiles."""
    import torch

    if not torch.cuda.is_available():
        return 80
    major, minor = torch.cuda.get_device_capability()
    return 10 * major + minor


def _target(capability: int, known: list[int], release: int) -> str:
    """nvcc's flag for a GPU: machine code if nvcc knows it (known), else the nearest older PTX.

    PTX is translated to the GPU's machine code by the driver, when the library is loaded. For a
    Hopper it is sm_90a, which has what no later GPU has, such as setmaxnreg (CUDA 12 and newer).
    Raises BuildError for a GPU that is too old for nvcc or for the labs.
    """
    oldest = max(OLDEST, min(known))
    if capability < oldest:
        raise BuildError(
            f"This GPU has compute capability {capability / 10}, and {oldest / 10} is the least "
            f"that {'nvcc' if oldest > OLDEST else 'the labs'} can take. Use --device cpu."
        )
    if capability in known:
        return f"-arch=sm_{capability}" + ("a" if capability == 90 and release >= 12 else "")
    nearest = max(a for a in known if a < capability)
    return f"-gencode=arch=compute_{nearest},code=compute_{nearest}"


@functools.cache
def _architectures(nvcc: str) -> list[int]:
    """The compute capabilities that nvcc compiles for, times 10."""
    listed = subprocess.run([nvcc, "--list-gpu-arch"], capture_output=True, text=True)
    known = [int(number) for number in re.findall(r"compute_(\d+)\b", listed.stdout)]
    if not known:
        said = (listed.stdout + listed.stderr).strip()
        raise ToolchainError(
            f"{nvcc} --list-gpu-arch names no GPU. Is it CUDA 11 or newer, and whole?\n{said}"
        )
    return known


def _release(nvcc: str) -> int:
    """The first number of CUDA's version, 0 if nvcc doesn't say."""
    found = re.search(r"release (\d+)\.", _version(nvcc))
    return int(found[1]) if found else 0


@functools.cache
def _version(nvcc: str) -> str:
    return subprocess.run([nvcc, "--version"], capture_output=True, text=True).stdout


def _shown(path: Path) -> Path:
    """Relative to the repository where it is in it: shorter to read."""
    path = path.resolve()
    return path.relative_to(ROOT) if ROOT in path.parents else path
