"""clangd for .cu files, where jupyterlab-lsp and clangd are installed: an entry point of theirs."""

import shutil

from mingpt.paths import INCLUDE
from simt.build import HEADERS

MIMES = ("text/x-cuda", "text/x-c++src")
SUGGESTION = "clangd, the language server of C++: on Debian or Ubuntu, apt install clangd"


def specs(manager) -> dict[str, dict]:
    """What jupyter-lsp is to start; nothing where there is no clangd."""
    command = shutil.which("clangd")
    if not command:
        return {}
    flags = ["-xc++", "-std=c++17", f"-I{INCLUDE}", f"-I{HEADERS}"]
    return {
        "clangd": {
            "version": 2,
            "argv": [command, "--background-index=false"],
            "languages": ["c++", "cuda", "cuda c++"],
            "mime_types": list(MIMES),
            "display_name": "clangd",
            "install": {"apt": SUGGESTION},
            "initialization_options": {"fallbackFlags": flags},
        }
    }
