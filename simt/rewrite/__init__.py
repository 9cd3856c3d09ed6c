"""CUDA C++ to C++: edits in place the few spots that a C++ compiler does not know.

Everything else of CUDA (``__global__``, ``threadIdx``, ``__shfl_sync``, ``cudaMalloc``) is plain
C++ once ``simt/include/cuda_runtime.h`` is included, which ``simt.build`` does.
"""

from __future__ import annotations

from simt.rewrite.launches import find_kernel_templates, rewrite_launches
from simt.rewrite.shared import rewrite_shared
from simt.rewrite.tokens import RewriteError, Source
from simt.rewrite.unsupported import refuse_unsupported

__all__ = ["RewriteError", "kernel_templates", "rewrite"]


def rewrite(text: str, filename: str, templates: dict[str, float] | None = None) -> str:
    """Returns text as C++. Line n of `filename` stays line n, so compiler errors point at it.

    templates: kernels that are templates in other files of the program, from kernel_templates().
    Raises RewriteError at what simt cannot run.
    """
    source = Source(text)
    refuse_unsupported(source)
    rewrite_launches(source, {**(templates or {}), **find_kernel_templates(source)})
    rewrite_shared(source)
    quoted = filename.replace("\\", "\\\\").replace('"', '\\"')
    return f'#line 1 "{quoted}"\n' + source.edited()


def kernel_templates(text: str) -> dict[str, float]:
    """The kernels that are function templates in text: {name: number of template parameters}."""
    return find_kernel_templates(Source(text))
