"""What a worker sees of the file system: what it needs in order to run, and no more.

Not there: solutions/, rubric and checks, the cache of built kernels, other submissions, home.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Of this repository: what runs submissions, and nothing to compare their results with.
PARTS = (
    *("mingpt", "simt"),
    *("grader/__init__.py", "grader/protocol", "grader/isolation", "grader/rules", "grader/worker"),
)
# /sys says how many processors there are.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/sys/devices/system/cpu")
CONFIGURATION = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives")
TOOLS = ("g++", "clang++", "nvcc", "ld", "as", "objcopy", "ar", "nm")
FOR_CUDA = ("/sys", "/usr/lib/wsl")  # the driver looks for the GPU and its neighbours in /sys


@dataclass(frozen=True)
class View:
    """What is there for a worker."""

    read_only: dict[Path, Path]  # where it sees a file or folder -> where that is
    devices: tuple[Path, ...]  # that it may open besides /dev/null and its like


def view(device: str, shown: Mapping[Path, Path]) -> View:
    """The view of a worker for "cpu" or "cuda". shown: what it sees besides the usual, in the form
    of View.read_only."""
    wanted = [ROOT / part for part in PARTS]
    wanted += [Path(path) for path in (*SYSTEM, *CONFIGURATION)]
    wanted += [*_python(), *_toolchain()]
    devices: list[Path] = []
    if device == "cuda":
        wanted += [Path(path) for path in FOR_CUDA]
        devices = [*sorted(Path("/dev").glob("nvidia*")), Path("/dev/dxg")]
    usual = {path.absolute(): path for path in wanted}
    return View(
        {path: usual[path] for path in _outermost(usual) if path.exists()} | dict(shown),
        tuple(path for path in devices if path.exists()),
    )


def holds_private_files(folder: Path) -> bool:
    """Whether our home, or this repository, lies in the folder: it is not to be shown whole."""
    folder = folder.resolve()
    private = [ROOT]
    if "HOME" in os.environ:
        private.append(Path(os.environ["HOME"]).resolve())
    return any(folder == one or folder in one.parents for one in private)


def _python() -> Iterator[Path]:
    """The interpreter with its libraries, and the virtual environment that it runs in."""
    for prefix in {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}:
        yield Path(prefix)
        yield Path(prefix).resolve()
    yield from (Path(sys.executable), Path(sys.executable).resolve())


def _toolchain() -> Iterator[Path]:
    """Compilers that are not part of the system, with the folder that each is installed in."""
    named = [part for part in shlex.split(os.environ.get("CXX", "")) if os.sep in part]
    for tool in (*TOOLS, *named):
        if found := shutil.which(tool):
            yield Path(found)
            real = Path(found).resolve()
            prefix = real.parent.parent  # /opt/gcc of /opt/gcc/bin/g++
            is_installed = (prefix / "lib").is_dir() and not holds_private_files(prefix)
            yield prefix if is_installed else real
    folders = [os.environ.get(name, "") for name in ("CUDA_HOME", "CUDA_PATH")]
    folders += os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    for folder in filter(None, folders):
        if not holds_private_files(Path(folder)):
            yield Path(folder)


def _outermost(paths: Iterable[Path]) -> Iterator[Path]:
    """Each path once, and none that is below another."""
    kept: set[Path] = set()
    for path in sorted(paths):  # a folder comes before what is in it
        if path != Path("/") and not kept & {path, *path.parents}:
            kept.add(path)
            yield path
