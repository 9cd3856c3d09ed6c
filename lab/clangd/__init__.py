"""clangd for .cu files, where jupyterlab-lsp and clangd are installed: an entry point of theirs.

With no CUDA toolkit clangd knows nothing of CUDA. It is given simt's headers, and editor.h, which
has what clang itself must see of a launch.
"""

import shutil
from pathlib import Path

from mingpt.paths import INCLUDE, ROOT, cache_dir

SIMT = ROOT / "simt" / "include"
EDITOR = Path(__file__).parent / "editor.h"
FLAGS = (
    *("-xcuda", "--cuda-host-only", "-nocudainc", "-nocudalib", "-std=c++17", "-ferror-limit=0"),
    *(f"-I{INCLUDE}", f"-I{SIMT}", f"-include{EDITOR}"),
)


def specs(manager) -> dict[str, dict]:
    """What jupyter-lsp is to start; nothing where there is no clangd."""
    command = shutil.which("clangd")
    if not command:
        return {}
    folder = cache_dir() / "clangd"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compile_flags.txt").write_text("".join(f"{flag}\n" for flag in FLAGS))
    return {
        "clangd": {
            "version": 2,
            "argv": [command, f"--compile-commands-dir={folder}", "--background-index=false"],
            "languages": ["c++", "cuda", "cuda c++"],
            "mime_types": ["text/x-cuda", "text/x-c++src"],
            "display_name": "clangd",
        }
    }
