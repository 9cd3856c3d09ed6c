"""simt: compiles CUDA C++ for an ordinary CPU and runs it there, thread by thread.

A ``.cu`` file goes through three steps:

1. ``simt.rewrite`` edits the few spots that are not C++ (launches ``k<<<...>>>``, ``__shared__``),
   in place, so that every line keeps its number;
2. ``simt.build`` compiles the result with the machine's C++ compiler against ``simt/include``
   (CUDA's headers, written anew) and links it with ``simt/runtime`` (which runs blocks, threads,
   barriers and shuffles);
3. the library or program runs. When a kernel does something fatal, ``simt.report`` says what.

``python -m simt run prog.cu`` does all of it for a program. ``simt.check``, ``simt.profile``
and ``simt.trace`` build it with a call before each access to memory, and tell what is wrong, what
it costs, or what each warp does step by step.
"""

from simt.build import Build, CompileError, build_library, build_program
from simt.checking import check
from simt.profiling import profile
from simt.tracing import trace

__all__ = ["Build", "CompileError", "build_library", "build_program", "check", "profile", "trace"]
