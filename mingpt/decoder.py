"""A submission that decodes by itself: the functions of include/decoder.h, from Python.

    decoder = open_decoder(model, library)      # None if gpt.cu has no such functions
    for id in decoder.generate(ids, 100, Sampler(temperature=0)):
        ...

The library holds the weights and the KV-cache, runs whole steps, and picks the ids on the device.
It works ahead of the reader by up to two chunks of steps: each id is yielded when it is known.
"""

import ctypes
import time
from collections.abc import Iterator
from contextlib import suppress
from ctypes import POINTER, Structure, c_float, c_int, c_longlong, c_ulonglong, c_void_p

import torch
from torch import Tensor

from mingpt import cuda_errors
from mingpt.errors import AsynchronousError, KernelError, LogitsError
from mingpt.generate import Sampler
from mingpt.kernels import LAYERS, CustomOps, KernelLibrary
from mingpt.model import GPT

PENDING, NOT_FINITE = -1, -2  # what new_ids holds where there is no id (decoder.h)
CHUNK = {"cpu": 1, "cuda": 16}  # decode steps that one call queues


class _Layer(Structure):
    """GPTLayer of decoder.h. The parameters' names in model.Block, in its order."""

    NAMES = (
        *("ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "attn.c_attn.bias"),
        *("attn.c_proj.weight", "attn.c_proj.bias", "ln_2.weight", "ln_2.bias"),
        *("mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias"),
    )
    _fields_ = tuple((name, c_void_p) for name in NAMES)


class _Model(Structure):
    """GPTModel of decoder.h."""

    _fields_ = (
        *((name, c_int) for name in ("n_layer", "n_head", "n_embd", "vocab_size", "block_size")),
        ("eps", c_float),
        *((name, c_void_p) for name in ("wte", "wpe", "ln_f_weight", "ln_f_bias")),
        ("layers", POINTER(_Layer)),
    )


class _Sampling(Structure):
    """GPTSampling of decoder.h."""

    _fields_ = (("temperature", c_float), ("top_k", c_int), ("seed", c_ulonglong))


_p, _i = c_void_p, c_int
SIGNATURES = {  # parameters, result
    "gpt_open": ((POINTER(_Model),), _p),
    "gpt_close": ((_p,), None),
    "gpt_feed": ((_p, _p, _i, _i, _p, _i, _p), None),
    "gpt_prefill": ((_p, _p, _i, POINTER(_Sampling), _p, _p), None),
    "gpt_decode": ((_p, _i, POINTER(_Sampling), _p, _p), None),
    "gpt_bytes_per_step": ((_p,), c_longlong),
}


def open_decoder(model: GPT, library: KernelLibrary | None = None) -> "Decoder | None":
    """A Decoder for `model`, or None where the library doesn't have decoder.h's functions.

    library: if left out, that of model.ops, provided that all three layers are its own. Raises
    BuildError if it has some of the functions only, and KernelError if it can't hold the model.
    """
    if library is None:
        ops = model.ops
        if not isinstance(ops, CustomOps) or set(ops.layers) != set(LAYERS):
            return None
        library = ops.library
    if not library.exports("gpt_open"):
        return None
    return Decoder(model, library)


class Decoder:
    """A model in the hands of a submission's library. close() it, or use `with`.

    Not for two texts at once: it has one KV-cache.
    """

    def __init__(self, model: GPT, library: KernelLibrary):
        if model.dtype is not torch.float32:
            raise KernelError(f"gpt_open takes float32 weights, and the model's are {model.dtype}.")
        self._model, self._library = model, library
        self._call = {
            name: library.function(name, *signature) for name, signature in SIGNATURES.items()
        }
        self._handle = None
        self._weights, structure = _describe(model)
        self._handle = self._call["gpt_open"](ctypes.byref(structure))
        library.check("gpt_open")
        if not self._handle:
            raise KernelError(
                "gpt_open returned NULL: this gpt.cu can't hold this model. Out of memory, or a "
                "size that it doesn't support?"
            )
        self._finish("gpt_open")
        # A text's ids, at fixed places: the prompt on the host and on the device, then the new ones
        # in memory that the device writes and the host reads. (T + new is at most one more.)
        size, on_gpu = model.config.block_size, library.device == "cuda"
        host = torch.empty(2, size, dtype=torch.int32, pin_memory=on_gpu)
        self._prompt_on_host, self._new_ids = host
        self._prompt = torch.empty(size, dtype=torch.int32, device=model.device)

    @property
    def bytes_per_step(self) -> int:
        """The bytes of weights that a decode step reads."""
        return self._call["gpt_bytes_per_step"](self._handle)

    def feed(self, ids: Tensor, position: int = 0, num_logits: int = 1) -> Tensor:
        """Feed ids (T) at `position` and the ones after it: the last num_logits logits, (., V).

        Raises KernelError.
        """
        ids = ids.reshape(-1).to(self._model.device, torch.int32)
        size = (num_logits, self._model.config.vocab_size)
        logits = torch.full(size, float("nan"), device=self._model.device)
        self._call["gpt_feed"](
            *(self._handle, ids.data_ptr(), position, ids.numel()),
            *(logits.data_ptr(), num_logits, self._stream()),
        )
        self._library.check("gpt_feed")
        self._finish("gpt_feed")
        return logits

    def generate(self, ids: Tensor, max_new_tokens: int, sampler: Sampler) -> Iterator[int]:
        """Yields max_new_tokens new ids after the prompt ids (1, T), each as soon as it is known.

        T + max_new_tokens may be one more than block_size: the last id is never fed. Raises
        LogitsError where logits are not finite, and KernelError.
        """
        if max_new_tokens < 1:
            return
        T, device = ids.numel(), self._library.device
        if ids.device.type == "cpu":  # by way of pinned memory: the host need not wait
            ids = self._prompt_on_host[:T].copy_(ids.reshape(-1))
        self._prompt[:T].copy_(ids.reshape(-1), non_blocking=True)
        sampling = _Sampling(sampler.temperature, sampler.top_k or 0, sampler.seed)
        new_ids = self._new_ids[:max_new_tokens].fill_(PENDING)
        read = new_ids.numpy()

        def queue(first: int, steps: int) -> None:
            self._call["gpt_decode"](
                *(self._handle, steps, ctypes.byref(sampling)),
                *(new_ids.data_ptr() + 4 * first, self._stream()),
            )
            self._library.check("gpt_decode", certain=False)

        self._call["gpt_prefill"](
            *(self._handle, self._prompt.data_ptr(), T, ctypes.byref(sampling)),
            *(new_ids.data_ptr(), self._stream()),
        )
        self._library.check("gpt_prefill")
        queued, chunk = 1, CHUNK[device]
        ahead = chunk if device == "cpu" else 2 * chunk
        try:
            for i in range(max_new_tokens):
                while queued < max_new_tokens and queued < i + ahead:
                    steps = min(chunk, max_new_tokens - queued)
                    queue(queued, steps)
                    queued += steps
                yield self._wait_for(read, i)
            self._finish()
        except AsynchronousError as e:  # the ids tell how far it came
            name = "gpt_prefill" if read[0] == PENDING else "gpt_decode"
            raise KernelError(f"{name}: {e}") from None
        finally:  # the library must not write to new_ids after it is gone
            with suppress(KernelError):  # which the lines above have raised, or nobody waits for
                self._finish()

    def close(self) -> None:
        """Frees what the library holds. A second call does nothing."""
        if self._handle:
            handle, self._handle = self._handle, None
            self._call["gpt_close"](handle)

    def _wait_for(self, ids, i: int) -> int:
        """new_ids[i], once it is there."""
        spins = 0
        while ids[i] == PENDING:
            spins += 1
            if spins % 1000 == 0 and self._is_idle() and ids[i] == PENDING:
                raise KernelError(
                    f"gpt_decode did not write new_ids[{i}]: the work is done, and it is still -1."
                )
            if spins > 100_000:  # a long prefill: leave the processor to others
                time.sleep(1e-4)
        return self._checked(int(ids[i]), i)

    def _checked(self, new: int, i: int) -> int:
        """new, the id of new token i. Raises LogitsError or KernelError where it is none."""
        if not 0 <= new < self._model.config.vocab_size:
            if new == NOT_FINITE:
                raise LogitsError(
                    f"The logits of new token {i} are not finite: no id can be chosen."
                )
            raise KernelError(f"gpt_decode picked id {new}, which is not in the vocabulary.")
        return new

    def _is_idle(self) -> bool:
        """Whether all that was queued is done. Raises KernelError if it failed."""
        if self._library.device == "cpu":
            return True
        try:
            return torch.cuda.current_stream().query()
        except RuntimeError as e:
            raise cuda_errors.from_torch(e) or e from None

    def _finish(self, name: str | None = None) -> None:
        """Wait for the device. Raises KernelError, in the name of the function that failed."""
        if self._library.device == "cuda":
            try:
                torch.cuda.current_stream().synchronize()
            except RuntimeError as e:
                raise cuda_errors.from_torch(e, name) or e from None

    def _stream(self) -> int:
        return torch.cuda.current_stream().cuda_stream if self._library.device == "cuda" else 0

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _describe(model: GPT) -> tuple[list[Tensor], _Model]:
    """The model as decoder.h describes it, and the tensors that must live as long as it does."""
    parts, c = model.transformer, model.config
    kept: list[Tensor] = []

    def address(tensor: Tensor) -> int:
        kept.append(tensor.detach().contiguous())
        return kept[-1].data_ptr()

    layers = (_Layer * c.n_layer)()
    for block, layer in zip(model.blocks, layers, strict=True):
        for name in _Layer.NAMES:
            setattr(layer, name, address(block.get_parameter(name)))
    structure = _Model(
        *(c.n_layer, c.n_head, c.n_embd, c.vocab_size, c.block_size, c.eps),
        *(address(parts.wte.weight), address(parts.wpe.weight)),
        *(address(parts.ln_f.weight), address(parts.ln_f.bias), layers),
    )
    return kept, structure
