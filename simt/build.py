"""Builds CUDA C++ for this machine's CPU, once: the results are kept in a cache.

    build = build_library(Path("gpt.cu"))
    library = ctypes.CDLL(build.path)

A built file is named by its content: the sources and their local includes, simt's own headers and
runtime, compiler, flags and processor. If any of them changes, so does the name.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simt import needs
from simt.cache import cache_dir as find_cache
from simt.cache import prune, touch, workspace
from simt.compiler import (
    INCLUDE,
    RUNTIME,
    TIMEOUT,
    TRACED_FLAGS,
    CompileError,
    Compiler,
    find_compiler,
    run,
    user_flags,
)
from simt.diagnostics import readable
from simt.sources import CUDA_SUFFIXES, SourceTree

__all__ = ["Build", "CompileError", "build_library", "build_program", "runtime_archive"]

REWRITE = Path(__file__).resolve().parent / "rewrite"


@dataclass(frozen=True)
class Build:
    """What was built."""

    path: Path  # the shared library or the program
    log: str  # the compiler's warnings, with the user's own file and line
    seconds: float  # that it took
    cached: bool  # whether it was there already


def build_library(
    sources: Path | Sequence[Path],
    *,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    cache_dir: Path | None = None,
    std: str = "c++17",
    timeout: float = TIMEOUT,
    mode: str = "plain",
) -> Build:
    """Builds a shared library with simt's runtime inside, to be loaded with ctypes.

    defines: macros, as "NAME" or "NAME=value". timeout: seconds for each call of the compiler.
    mode: "check" or "profile" for an instrumented build. Raises CompileError.
    """
    return _build("library", sources, include_dirs, defines, cache_dir, std, timeout, mode)


def build_program(
    sources: Path | Sequence[Path],
    *,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    cache_dir: Path | None = None,
    std: str = "c++17",
    timeout: float = TIMEOUT,
    mode: str = "plain",
) -> Build:
    """Builds a program from sources with a main; otherwise as build_library."""
    return _build("program", sources, include_dirs, defines, cache_dir, std, timeout, mode)


def runtime_archive(cache_dir: Path | None = None) -> Path:
    """The runtime as a static library, compiled on first use. Raises CompileError."""
    compiler, folder = find_compiler(), find_cache(cache_dir)
    flags = [*compiler.flags, "-std=c++17", "-fvisibility=hidden", "-I", str(INCLUDE)]
    archive = (
        folder / f"runtime-{_digest(compiler.identity(), *flags, _content(INCLUDE, RUNTIME))}.a"
    )
    if archive.exists():
        touch(archive)
        return archive
    with _disk_errors(), workspace(folder) as scratch:
        objects, commands = [], []
        for i, batch in enumerate(_batches(sorted(RUNTIME.glob("*.cpp")))):
            unit = scratch / f"runtime{i}.cpp"
            unit.write_text("".join(f'#include "{source}"\n' for source in batch))
            objects.append(str(unit.with_suffix(".o")))
            commands.append([*compiler.command, *flags, "-c", str(unit), "-o", objects[-1]])
        run(commands, TIMEOUT)
        whole = scratch / "runtime.o"
        join = ["-r", "-nostdlib", "-Wl,--force-group-allocation", *objects]
        run([[*compiler.command, *join, "-o", str(whole)]], TIMEOUT)
        _keep_to_itself(whole)
        run([["ar", "rcs", str(scratch / "runtime.a"), str(whole)]], TIMEOUT)
        os.replace(scratch / "runtime.a", archive)
    return archive


def _batches(sources: list[Path], count: int = 4) -> list[list[Path]]:
    """Shares out files to be compiled as one: most of the time goes into headers that all use."""
    batches: list[list[Path]] = [[] for _ in range(count)]
    sizes = [0] * count
    for source in sorted(sources, key=lambda path: -path.stat().st_size):
        smallest = sizes.index(min(sizes))
        batches[smallest].append(source)
        sizes[smallest] += source.stat().st_size
    return batches


def _keep_to_itself(runtime: Path) -> None:
    """Makes the runtime's instances of templates and inline functions its own.

    Else it might call the user's instance of, say, std::vector<int>::push_back, as the linker keeps
    one of each: in an instrumented build, that one tells of what it does as if a kernel did it.
    """
    symbols = run([["nm", "--defined-only", str(runtime)]], TIMEOUT).splitlines()
    weak = [name for _, kind, name in map(str.split, symbols) if kind in "WV"]
    names = runtime.with_suffix(".weak")
    names.write_text("\n".join(weak))
    run([["objcopy", f"--localize-symbols={names}", str(runtime)]], TIMEOUT)


def _build(
    kind: str,
    sources: Path | Sequence[Path],
    include_dirs: Sequence[Path],
    defines: Sequence[str],
    cache_dir: Path | None,
    std: str,
    timeout: float,
    mode: str,
) -> Build:
    started = time.perf_counter()
    sources = [Path(sources)] if isinstance(sources, (str, Path)) else [Path(s) for s in sources]
    compiler = find_compiler()
    tree = SourceTree(sources, [Path(folder) for folder in include_dirs])
    flags = [*compiler.flags, *user_flags(std), *TRACED_FLAGS[mode]]
    flags += ["-fopenmp"] if tree.uses_openmp() else []
    flags += [f"-D{name}" for name in defines]
    flags += ["-I", str(INCLUDE)]
    for path in tree.include_dirs:
        flags += ["-I", str(path)]

    shown = [part for file in tree.files.values() for part in (file.shown, file.text)]
    key = _digest(
        kind,
        mode,
        compiler.identity(),
        *flags,
        _content(INCLUDE, RUNTIME, REWRITE),
        str(len(sources)),
        *shown,
    )
    stem = re.sub(r"[^\w.-]", "_", sources[0].stem)[:40] or "code"
    folder = find_cache(cache_dir)
    output = folder / (f"{stem}-{key}.so" if kind == "library" else f"{stem}-{key}")
    log_path = folder / f"{stem}-{key}.log"
    if output.exists():
        touch(output)
        touch(log_path)
        log = log_path.read_text(errors="replace") if log_path.exists() else ""
        return Build(output, log, time.perf_counter() - started, cached=True)

    archive = runtime_archive(cache_dir)
    with _disk_errors(), workspace(folder) as scratch:
        log = _compile(compiler, kind, tree, flags, archive, scratch, timeout)
        (scratch / "log").write_text(log)
        os.replace(scratch / "log", log_path)
        os.replace(scratch / "output", output)
    prune(folder)
    return Build(output, log, time.perf_counter() - started, cached=False)


def _compile(
    compiler: Compiler,
    kind: str,
    tree: SourceTree,
    flags: list[str],
    archive: Path,
    scratch: Path,
    timeout: float,
) -> str:
    """Compiles to scratch/output; returns the warnings."""
    copies, user_files = tree.write(scratch)
    objects, commands = [], []
    for i, (original, copy) in enumerate(zip(tree.sources, copies, strict=True)):
        objects.append(str(scratch / f"{i}.o"))
        cuda = ["-include", "cuda_runtime.h"] if original.name.endswith(CUDA_SUFFIXES) else []
        beside = ["-I", str(original.parent)]
        what = ["-x", "c++", "-c", str(copy), "-o", objects[-1]]
        commands.append([*compiler.command, *flags, *beside, *cuda, *what])
    # The runtime goes in whole, and calls bind to it: two libraries in a process share nothing.
    link = [*compiler.command, *compiler.flags, *objects]
    link += ["-fopenmp"] if "-fopenmp" in flags else []
    link += ["-Wl,--whole-archive", str(archive), "-Wl,--no-whole-archive", "-ldl"]
    link += ["-shared", "-Wl,-Bsymbolic", "-Wl,-z,defs"] if kind == "library" else ["-rdynamic"]
    try:
        log = run(commands, timeout)
        if kind == "library":
            command = [*compiler.command, *compiler.flags]
            link.append(str(needs.needs_object(command, objects, scratch)))
        if "-fsanitize=thread" in flags:  # functions of the C library become simt's
            redefine = ["objcopy", f"--redefine-syms={RUNTIME / 'redefined.txt'}"]
            run([[*redefine, path] for path in objects], timeout)
        log += run([[*link, "-o", str(scratch / "output")]], timeout)
    except CompileError as error:
        raise CompileError(readable(error.log, user_files, scratch), error.command) from None
    return readable(log, user_files, scratch)


def _content(*folders: Path) -> str:
    """A digest of the code of simt itself in these folders, and of how it is built."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    itself = (Path(__file__), Path(needs.__file__))
    code = [path for path in (*files, *itself) if path.suffix != ".pyc"]
    return _digest(*(f"{path.name}\n{path.read_text(errors='replace')}" for path in code))


def _digest(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode(errors="surrogateescape")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:20]


class _disk_errors:
    """Turns a failure to write to the cache into a CompileError that says what to do."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, OSError):
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            reason = "the disk is full" if full else str(error)
            raise CompileError(
                f"The compiled code could not be written: {reason}. "
                "Free some space, or set MINGPT_CACHE to another folder."
            ) from None
