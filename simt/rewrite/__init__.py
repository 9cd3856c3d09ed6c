"""CUDA C++ to C++: edits in place the few spots that a C++ compiler does not know.

Everything else of CUDA (``__global__``, ``threadIdx``, ``__shfl_sync``, ``cudaMalloc``) is plain
C++ once ``simt/include/cuda_runtime.h`` is included, which ``simt.build`` does.
"""

from __future__ import annotations

from collections.abc import Mapping

from simt.rewrite.addresses import rewrite_kernel_addresses
from simt.rewrite.architecture import answer_architecture
from simt.rewrite.edits import EditedText
from simt.rewrite.kernels import Kernel, find_kernels
from simt.rewrite.launches import rewrite_launches
from simt.rewrite.qualifiers import rewrite_qualifiers
from simt.rewrite.shared import rewrite_shared
from simt.rewrite.tokens import RewriteError, Source
from simt.rewrite.unsupported import refuse_unsupported
from simt.rewrite.volatiles import rewrite_volatiles

__all__ = ["RewriteError", "line_directive", "read_source", "rewrite", "rewrite_source"]


def rewrite(text: str, filename: str) -> str:
    """Returns text as C++. Line n of `filename` stays line n, so compiler errors point at it.

    Raises RewriteError at what simt cannot run.
    """
    source = read_source(text)
    return line_directive(filename) + rewrite_source(source, find_kernels(source)).text


def read_source(text: str) -> Source:
    """A file's tokens, less those that only another architecture would compile."""
    source = Source(text)
    answer_architecture(source)
    return source


def rewrite_source(source: Source, kernels: Mapping[str, Kernel]) -> EditedText:
    """The same for a file of a larger program, whose kernels may be in other files.

    kernels: what find_kernels says of all files. Edits that source has already are made as well.
    """
    refuse_unsupported(source)
    rewrite_launches(source, kernels)
    rewrite_shared(source)
    rewrite_kernel_addresses(source, kernels)
    rewrite_qualifiers(source)
    rewrite_volatiles(source)
    return source.edited()


def line_directive(filename: str) -> str:
    """The line that tells the compiler where the text after it comes from."""
    quoted = filename.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'#line 1 "{quoted}"\n'
