"""What simt does not do, said at the line where it is written."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from simt.rewrite.includes import find_includes
from simt.rewrite.scopes import (
    Nest,
    find_scopes,
    in_function,
    may_be_on_device,
    only_on_device,
)
from simt.rewrite.tokens import Source, Token, angles_forward, match_forward

_ASM = ("asm", "__asm__", "__asm")
_PTX_INSTRUCTION = re.compile(r"\.([usbf](8|16|32|64)|global|shared|sync)\b|%(laneid|warpid|smid)")
_PTX = "inline PTX (asm) is GPU machine code, which a CPU cannot run: write this part in CUDA C++"

_TEXTURE = "simt has no textures and surfaces: read the memory through a pointer instead"
_FETCH = re.compile(r"(tex|surf)(1D|2D|3D|Cubemap)\w*")
_TEXTURE_API = re.compile(
    r"cuda(Malloc(3D|Mipmapped)?Array|Free(Mipmapped)?Array|Memcpy(2D)?(To|From)Array(Async)?"
    r"|(Mipmapped)?Array_t|CreateChannelDesc|ChannelFormatDesc|ResourceDesc|TextureDesc"
    r"|(Create|Destroy)?(Texture|Surface)Object(_t)?|(Bind|Unbind)(Texture|Surface)\w*)"
)

_CLUSTER = "simt has no thread block clusters and no distributed shared memory: use single blocks"
_CLUSTER_NAMES = ("__cluster_dims__", "cluster_group", "this_cluster", "map_shared_rank")

_DYNAMIC = "a kernel cannot use the runtime API here (dynamic parallelism): do this on the host"
_DEVICE_WAITS = ("cudaDeviceSynchronize", "cudaStreamSynchronize")

_DRIVER = "simt has no driver API (cu...): use the runtime API (cudaMalloc, kernel<<<...>>>, ...)"
_DRIVER_API = re.compile(
    r"cu(Init|GetErrorString|GetErrorName|(Device|DevicePrimaryCtx|Ctx|Module|Library|Link)[A-Z]\w*"
    r"|Mem(Alloc|Free|cpy|set|Get)\w*|(Stream|Event|Func|Graph)[A-Z]\w*|Launch(Cooperative)?Kernel"
    r"|TensorMapEncode\w+)|CU(device|context|module|function|deviceptr|tensorMap)"
)

_IPC = "simt has one process and one device: share memory between threads instead"
_IPC_API = re.compile(r"cudaIpc[A-Z]\w*")
_MULTI_GRID = "simt has one device: launch with cudaLaunchCooperativeKernel, and use this_grid()"
_MULTI_GRID_NAMES = (
    "cudaLaunchCooperativeKernelMultiDevice",
    "this_multi_grid",
    "multi_grid_group",
)
_CONDITIONAL = "simt has no conditional nodes in graphs: decide on the host which graph to launch"
_CONDITIONAL_API = re.compile(r"cudaGraph(Conditional|SetConditional|Cond[A-Z])\w*")
_MEMORY_NODE = "simt has no memory nodes in graphs: allocate the memory before the graph is made"
_MEMORY_NODE_API = re.compile(
    r"cuda(GraphAddMem(Alloc|Free)Node|MemAllocNodeParams|\w*GraphMem\w*)"
)
_BULK = "simt has no bulk copies (TMA): use cooperative_groups::memcpy_async or plain loads"
_BULK_API = re.compile(r"(cp_async_bulk|cp_reduce_async_bulk|fence_proxy_async)\w*")
_CUB = "simt has only a part of cub (block and warp primitives, DeviceReduce, DeviceScan): not this"
_CUB_CLASS = re.compile(r"(Block|Warp|Device)[A-Z][a-z]\w*")

_INCLUDE = Path(__file__).resolve().parents[1] / "include"
# Headers that are not there, by how their names begin.
_LIBRARIES = {
    "thrust/": "simt has no Thrust: write the algorithm as a kernel of your own",
    "cublas": "simt has no cuBLAS: write the matrix product as a kernel of your own",
    "cudnn": "simt has no cuDNN: write the layer as a kernel of your own",
    "cufft": "simt has no cuFFT: write the transform as a kernel of your own",
    "cusparse": "simt has no cuSPARSE: write the product as a kernel of your own",
    "cusolver": "simt has no cuSOLVER: write the solver as a kernel of your own",
    "curand": "simt has no cuRAND for this: make the numbers with a generator of your own",
    "nccl": "simt has no NCCL: there is one device",
    "nvrtc": "simt does not compile at run time (NVRTC): write the kernel in the program",
    "nvshmem": "simt has no NVSHMEM: there is one device",
    "cutlass/": "simt has no CUTLASS: write the matrix product as a kernel of your own",
    "cute/": "simt has no CuTe: write the kernel with plain indices",
    "cuda_gl_interop": "simt has no graphics: write the picture to a file instead",
    "cuda_fp8": "simt has no 8-bit floats: use half precision or bfloat16",
    "cub/": _CUB,
    "npp": "simt has no NPP: write the image operation as a kernel of your own",
    "nvml": "simt has no NVML: ask the runtime API (cudaGetDeviceProperties)",
    "cupti": "simt has no CUPTI: python -m simt profile counts what a kernel does",
    "cudaProfiler.h": _DRIVER,
    "texture_": _TEXTURE,
    "surface_": _TEXTURE,
}
_FAMILIES = [
    (_IPC_API, _IPC),
    (_CONDITIONAL_API, _CONDITIONAL),
    (_MEMORY_NODE_API, _MEMORY_NODE),
    (_BULK_API, _BULK),
]


def refuse_unsupported(source: Source) -> None:
    """Raises RewriteError at the first use of something that simt does not have."""
    _refuse_open_brace(source)
    uses_driver = _refuse_libraries(source)
    nests = find_scopes(source)
    for i, token in enumerate(source.tokens):
        if token.kind == "name":
            reason = _reason(source, i, nests[i])
            if not reason and uses_driver and _DRIVER_API.fullmatch(token.text):
                reason = _DRIVER
            if reason:
                raise source.error(token, reason)


_DEFINITIONS = ("__global__", "__device__", "void", "template", "extern", "static")


def _refuse_open_brace(source: Source) -> None:
    """Raises RewriteError at a brace that is never closed, where the next definition begins in it.

    A definition is taken to begin a line. Files that choose between branches with #else may open a
    brace in each of them: they are left alone.
    """
    tokens = source.tokens
    if any(t.directive and t.text in ("else", "elif") for t in tokens):
        return
    nests = find_scopes(source)
    open_at: list[int] = []
    for i, token in enumerate(tokens):
        if token.directive:
            continue
        defines = token.text in _DEFINITIONS and _begins_line(source, i)
        if open_at and defines and in_function(nests[i]):
            line = source.text.count("\n", 0, token.start) + 1
            raise source.error(
                tokens[open_at[-1]],
                f"this brace {{ is never closed: expected }} before line {line}, where the next"
                " definition begins",
            )
        if token.text == "{":
            open_at.append(i)
        elif token.text == "}" and open_at:
            open_at.pop()


def _begins_line(source: Source, i: int) -> bool:
    start = source.tokens[i].start
    return start == 0 or source.text[start - 1] == "\n"


def _refuse_libraries(source: Source) -> bool:
    """Raises RewriteError at the include of a missing library. Returns whether cuda.h is one."""
    uses_driver = False
    for include in find_includes(source):
        uses_driver |= include.name == "cuda.h"
        for prefix, reason in _LIBRARIES.items():
            if include.name.startswith(prefix) and not (_INCLUDE / include.name).is_file():
                raise source.error(Token("", "", include.start), reason)
    return uses_driver


def _reason(source: Source, i: int, nest: Nest) -> str:
    """Why the name at index i cannot be used; "" if it can."""
    text, following = source.at(i), source.at(i + 1)
    # Host code may have assembly, of the CPU. In a macro only the instructions can tell.
    if text in _ASM and (may_be_on_device(nest) or _holds_ptx(source, i)):
        return _PTX
    fetches = _FETCH.fullmatch(text) and following in ("(", "<")
    declares = text in ("texture", "surface") and _is_template(source, i)
    if fetches or declares or _TEXTURE_API.fullmatch(text):
        return _TEXTURE
    if text in _CLUSTER_NAMES and following != "=":
        return _CLUSTER
    if text in _DEVICE_WAITS and only_on_device(nest):
        return _DYNAMIC
    if text in _MULTI_GRID_NAMES:
        return _MULTI_GRID
    for names, reason in _FAMILIES:
        if names.fullmatch(text):
            return reason
    if source.at(i - 2) == "cub" and source.at(i - 1) == "::" and _CUB_CLASS.fullmatch(text):
        return "" if text.startswith(_cub_classes()) else _CUB
    return ""


@functools.cache
def _cub_classes() -> tuple[str, ...]:
    """BlockReduce and the like, as the names of the headers say."""
    headers = (_INCLUDE / "cub").glob("*/*_*.cuh")
    return tuple("".join(word.capitalize() for word in path.stem.split("_")) for path in headers)


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
