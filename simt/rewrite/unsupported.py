"""What simt does not do, said at the line where it is written."""

from __future__ import annotations

import re

from simt.rewrite.scopes import find_scopes, may_be_on_device
from simt.rewrite.tokens import Source, angles_forward, match_forward

_FETCH = re.compile(r"(tex|surf)(1D|2D|3D|Cubemap)\w*")
_TEXTURE_TYPES = ("cudaTextureObject_t", "cudaSurfaceObject_t")
_ASM = ("asm", "__asm__", "__asm")
_PTX_INSTRUCTION = re.compile(r"\.([usbf](8|16|32|64)|global|shared|sync)\b|%(laneid|warpid|smid)")
_PTX = "inline PTX (asm) is GPU machine code, which a CPU cannot run: write this part in CUDA C++"
_TEXTURE = "simt has no textures and surfaces: read the memory through a pointer instead"


def refuse_unsupported(source: Source) -> None:
    """Raises RewriteError at the first use of inline PTX, a texture or a surface."""
    nests = find_scopes(source)
    for i, token in enumerate(source.tokens):
        if token.kind != "name":
            continue
        # Host code may have assembly, of the CPU. In a macro only the instructions can tell.
        if token.text in _ASM and (may_be_on_device(nests[i]) or _holds_ptx(source, i)):
            raise source.error(token, _PTX)
        following = source.at(i + 1)
        fetches = _FETCH.fullmatch(token.text) and following in ("(", "<")
        declares = token.text in ("texture", "surface") and _is_template(source, i)
        if fetches or declares or token.text in _TEXTURE_TYPES:
            raise source.error(token, _TEXTURE)


def _is_template(source: Source, i: int) -> bool:
    """Whether `texture` starts `texture<float, 2> name`, rather than a comparison."""
    close = angles_forward(source.tokens, i + 1) if source.at(i + 1) == "<" else i
    return close > i and source.at(close + 1).isidentifier()


def _holds_ptx(source: Source, asm: int) -> bool:
    first = asm + 1
    while source.tokens[first : first + 1] and source.tokens[first].kind == "name":  # volatile
        first += 1
    if source.at(first) != "(":
        return False
    operands = source.tokens[first : match_forward(source.tokens, first)]
    return any(t.kind == "string" and _PTX_INSTRUCTION.search(t.text) for t in operands)
