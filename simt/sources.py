"""Source files made ready for the C++ compiler: they and their local includes, rewritten."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simt.compiler import INCLUDE, CompileError
from simt.diagnostics import UserFile, show
from simt.rewrite import RewriteError, line_directive, read_source, rewrite_source
from simt.rewrite.includes import Include, find_includes
from simt.rewrite.kernels import Kernel, find_kernels, name_parameters

LARGEST = 16 << 20  # bytes of a file
CUDA_SUFFIXES = (".cu", ".cuh")  # these see CUDA's declarations without including anything


@dataclass(frozen=True)
class SourceFile:
    """A file of the user: a source, or a header that one of them includes."""

    path: Path
    shown: str  # its name in messages: the path as the user gave it
    text: str
    includes: list[tuple[Include, Path]]  # the local ones
    system_includes: set[str]  # the names of the others


class SourceTree:
    """The sources and, found through them, their local includes.

    An include is local if it is found beside the including file or in include_dirs; the headers
    of simt and of the system are not. Raises CompileError for a file that cannot be read.
    """

    def __init__(self, sources: Sequence[Path], include_dirs: Sequence[Path]):
        self.include_dirs = [Path(folder).absolute() for folder in include_dirs]
        self.files: dict[Path, SourceFile] = {}  # by absolute path
        self.sources = [path.absolute() for path in sources]
        for path in sources:
            self._add(path.absolute(), str(path))

    def uses_openmp(self) -> bool:
        return any("omp.h" in file.system_includes for file in self.files.values())

    def write(self, folder: Path) -> tuple[list[Path], list[UserFile]]:
        """Writes all files, rewritten, into folder.

        Returns where the sources are, and all files for simt.diagnostics. A file keeps its name
        (`folder/0/gpt.cu`), and includes point at the rewritten copies. Raises CompileError at
        what simt cannot run, with file, line and column.
        """
        copies = {path: folder / str(i) / path.name for i, path in enumerate(self.files)}
        sources = {path: read_source(file.text) for path, file in self.files.items()}
        kernels: dict[str, Kernel] = {}
        for source in sources.values():
            kernels.update(find_kernels(source))
        user_files = []
        first_cuda = next(
            (path for path in self.sources if path.name.endswith(CUDA_SUFFIXES)), None
        )
        for path, file in self.files.items():
            source = sources[path]
            for include, found in file.includes:
                source.replace_span(include.start, include.end, f'"{copies[found]}"')
            try:
                rewritten = rewrite_source(source, kernels)
            except RewriteError as error:
                user_file = UserFile(file.shown, file.text)
                log = show(user_file, error.line, error.column, f"error: {error.message}")
                raise CompileError(log) from None
            user_files.append(UserFile(file.shown, file.text, rewritten))
            text = line_directive(file.shown) + rewritten.text
            if path == first_cuda:
                text += name_parameters(kernels)
            copies[path].parent.mkdir()
            copies[path].write_bytes(text.encode(errors="surrogateescape"))
        return [copies[path] for path in self.sources], user_files

    def _add(self, path: Path, shown: str) -> None:
        if path in self.files:
            return
        try:  # bytes that are not UTF-8 pass through as they are; line ends too
            if (size := path.stat().st_size) > LARGEST:
                raise CompileError(f"{shown}: {size:,} bytes are too many for a source file.")
            text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
        except OSError as error:
            raise CompileError(f"{shown}: cannot be read: {error.strerror}") from None
        file = self.files[path] = SourceFile(path, shown, text, [], set())
        for include in find_includes(read_source(text)):
            if found := self._find(include.name, path.parent if include.quoted else None):
                name = os.path.normpath(os.path.join(os.path.dirname(shown), include.name))
                is_beside = os.path.abspath(name) == str(found)
                self._add(found, name if is_beside else str(found))
                file.includes.append((include, found))
            else:
                file.system_includes.add(include.name)

    def _find(self, name: str, beside: Path | None) -> Path | None:
        """The local file that an include means, in the order in which the compiler looks."""
        for folder in [beside, INCLUDE, *self.include_dirs]:
            if folder and os.path.isfile(folder / name):  # no file has a name too long, or with NUL
                found = Path(os.path.abspath(folder / name))
                return None if INCLUDE in found.parents else found
        return None
