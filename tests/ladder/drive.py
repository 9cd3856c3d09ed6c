"""drive.py LIBRARY: text by a decoder in an instrumented build; prints what simt reports, as JSON.

The model's arrays lie in memory of the library's cudaMalloc, each exactly as large as it must be.
"""

import ctypes
import json
import sys
from pathlib import Path

import torch
from rungs import random_gpt2, some_ids

import mingpt  # noqa: F401 (before torch)
from mingpt.decoder import SIGNATURES, _describe, _Sampling
from mingpt.kernels import KernelLibrary

TO_DEVICE = 1  # cudaMemcpyKind


def main(path: str) -> None:
    simt = ctypes.CDLL(path)
    simt.simt_reports.restype = ctypes.c_char_p
    library = KernelLibrary(Path(path), "cpu")
    pointer, size = ctypes.c_void_p(), ctypes.c_size_t

    def allocate(count: int, function=simt.cudaMalloc) -> int:
        """The address of room for so many floats or ints."""
        assert function(ctypes.byref(pointer), size(4 * count), 0) == 0
        return pointer.value

    def on_device(tensor: torch.Tensor) -> int:
        address = allocate(tensor.numel())
        source = ctypes.c_void_p(tensor.data_ptr())
        assert (
            simt.cudaMemcpy(ctypes.c_void_p(address), source, size(tensor.nbytes), TO_DEVICE) == 0
        )
        return address

    model, _ = random_gpt2(n_layer=1, n_head=1, n_embd=64, vocab_size=71, n_positions=20)
    kept, structure = _describe(model)
    moved = {tensor.data_ptr(): on_device(tensor) for tensor in kept}
    for name in ("wte", "wpe", "ln_f_weight", "ln_f_bias"):
        setattr(structure, name, moved[getattr(structure, name)])
    for layer in structure.layers[: model.config.n_layer]:
        for name in layer.NAMES:
            setattr(layer, name, moved[getattr(layer, name)])

    call = {name: library.function(name, *signature) for name, signature in SIGNATURES.items()}
    gpt = call["gpt_open"](ctypes.byref(structure))
    sampling = ctypes.byref(_Sampling(1.0, 5, 7))
    ids = on_device(some_ids(model, 17).int())
    new_ids = allocate(3, simt.cudaHostAlloc)
    call["gpt_prefill"](gpt, ids, 17, sampling, new_ids, None)
    call["gpt_decode"](gpt, 2, sampling, new_ids + 4, None)
    logits = allocate(5 * model.config.vocab_size)
    call["gpt_feed"](gpt, ids, 0, 5, logits, 5, None)
    call["gpt_feed"](gpt, ids, 5, 1, logits, 1, None)
    call["gpt_feed"](gpt, ids, 6, 2, logits, 2, None)
    assert simt.cudaDeviceSynchronize() == 0
    picked = list((ctypes.c_int * 3).from_address(new_ids))
    call["gpt_close"](gpt)
    print(json.dumps({"ids": picked, "reports": json.loads(simt.simt_reports())["reports"]}))


main(*sys.argv[1:])
