"""Text, one token at a time, and the time that it takes.

Generating has two phases. Prefill feeds the whole prompt at once: its cost shows as TTFT, the time
to the first token. Decode feeds one token after the other: TPOT, the time per output token. At
batch size 1 a decode step reads every weight to use it once, so the bandwidth tells how close to
the hardware's limit it runs.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mingpt.errors import LogitsError, SubmissionError
from mingpt.model import GPT

if TYPE_CHECKING:
    from mingpt.decoder import Decoder


class Sampler:
    """Picks the next id: logits (1, V) -> (1, 1) int64.

    temperature  below 1 sharpens the choice, above 1 flattens it; 0 takes the likeliest (greedy)
    top_k        choose among the k likeliest only; 1 is greedy too
    seed         the same seed gives the same choices, on the same device

    Raises ValueError for a negative temperature or a top_k below 1, and LogitsError (when called)
    for logits that are not finite.
    """

    def __init__(self, temperature: float = 1.0, top_k: int | None = None, seed: int = 0):
        if not 0 <= temperature < float("inf"):
            raise ValueError(f"temperature = {temperature}: it must be 0 or more")
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k = {top_k}: it must be 1 or more")
        self.temperature = temperature
        self.top_k = top_k
        self.seed = seed
        self._generator: torch.Generator | None = None  # made on the device of the first logits

    def __call__(self, logits: Tensor) -> Tensor:
        logits = logits.float()
        low, high = logits.aminmax()  # NaN if there is any
        if not math.isfinite(high - low) and not logits.isfinite().all():  # waits for a GPU once
            raise LogitsError(_not_finite(logits))
        if self.temperature == 0 or self.top_k == 1:
            return logits.argmax(dim=-1, keepdim=True)  # (1, 1)
        logits = logits / self.temperature
        if self.top_k is not None:
            kth = logits.topk(min(self.top_k, logits.shape[-1])).values[:, -1:]  # (1, 1)
            logits = logits.masked_fill(logits < kth, float("-inf"))
        if self._generator is None:
            self._generator = torch.Generator(logits.device).manual_seed(self.seed)
        return torch.multinomial(logits.softmax(dim=-1), 1, generator=self._generator)  # (1, 1)


def generate(
    model: GPT,
    ids: Tensor,
    max_new_tokens: int,
    sample: Callable[[Tensor], Tensor],
    cached: Callable[..., Iterator[Tensor]] | None = None,
    decoder: "Decoder | None" = None,
) -> Iterator[int]:
    """Yields max_new_tokens new ids after the prompt `ids` (1, T), each as soon as it is known.

    Up to the model's block_size, by a submission: its kv_cache.generate (`cached`), or its library
    alone (`decoder`) if `sample` is a Sampler. Without them, and past the block, the whole text is
    fed again for each new token, cropped to its last block_size tokens as minGPT does. Raises
    ValueError for an empty prompt, SubmissionError when `cached` yields something else than
    max_new_tokens ids.
    """
    if ids.shape[1] == 0:
        raise ValueError("the prompt is empty: there is nothing to go on from")
    room = model.config.block_size - ids.shape[1]  # new tokens that fit into the block
    count = min(room, max_new_tokens)
    if decoder is not None and isinstance(sample, Sampler):
        new_ids = decoder.generate(ids, count, sample)
    elif cached is not None:
        new_ids = _cached_ids(model, ids.to(model.device), count, sample, cached)
    else:
        new_ids = iter(())
    if room > 0:
        known = []
        for new in new_ids:
            known.append(new)
            yield new
        ids = torch.cat([ids, torch.tensor([known], dtype=ids.dtype, device=ids.device)], dim=1)
        max_new_tokens -= len(known)
    ids = ids.to(model.device)
    for _ in range(max_new_tokens):
        context = ids[:, -model.config.block_size :]  # (1, T), T <= block_size
        new = sample(model.next_logits(context))  # (1, 1)
        ids = torch.cat([ids, new], dim=1)  # (1, T + 1)
        yield int(new)


def _cached_ids(model: GPT, ids: Tensor, n: int, sample, cached) -> Iterator[int]:
    """The n ids that a submission's generate yields, checked to be ids."""
    new_ids = cached(model, ids, n, sample)
    if not isinstance(new_ids, Iterable):
        raise SubmissionError(
            f"generate in kv_cache.py returned {new_ids!r}. It must yield each new id."
        )
    count = 0
    for new in islice(new_ids, n):
        try:
            i = int(new)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            i = -1
        if not 0 <= i < model.config.vocab_size:
            shape = f" of shape {tuple(new.shape)}" if isinstance(new, Tensor) else ""
            raise SubmissionError(
                f"generate in kv_cache.py yielded a {type(new).__name__}{shape} where one id, "
                f"(1, 1) int64, was expected. Yield what sample(logits) returns."
            )
        count += 1
        yield i
    if count < n:
        raise SubmissionError(
            f"generate in kv_cache.py stopped after {count} of {n} tokens. It must yield "
            "max_new_tokens ids."
        )


@dataclass(frozen=True)
class Timings:
    """What a generation took. Times in seconds; None where no token was there to measure."""

    tokens: int  # generated
    ttft: float | None  # time to the first token: prefill, and choosing that token
    tpot: float | None  # time per output token: the median over the decode steps
    tpot_p10: float | None  # nine of ten steps took longer
    tpot_p90: float | None  # one of ten steps took longer
    tokens_per_s: float | None  # decode steps over the time of all of them
    bandwidth: float | None  # bytes/s: the weights (each once) over the median TPOT


class Stopwatch:
    """Measures an iterator of ids, from the request for each to its arrival.

    What the caller does between them (printing) does not count. An id is a number on the host, so
    the device has finished it when it arrives; what was queued before the first request is waited
    for. (Waiting for the device at each token would stop a decoder that works ahead.)
    """

    def __init__(self, model: GPT, bytes_per_step: int | None = None):
        """bytes_per_step: of the weights, where they aren't read as the model holds them."""
        self.seconds: list[float] = []
        self.bytes_per_step = bytes_per_step or model.bytes_per_step
        self._on_gpu = model.device.type == "cuda"

    def watch(self, ids: Iterator[int]) -> Iterator[int]:
        """The same ids, measured."""
        if self._on_gpu:
            torch.cuda.synchronize()
        while True:
            start = time.perf_counter()
            i = next(ids, None)
            end = time.perf_counter()
            if i is None:
                return
            self.seconds.append(end - start)
            yield i

    def timings(self) -> Timings:
        """Over all ids so far."""
        ttft, decode = (self.seconds or [None])[0], self.seconds[1:]
        if not decode:
            return Timings(len(self.seconds), ttft, None, None, None, None, None)
        deciles = statistics.quantiles(decode, n=10, method="inclusive") if decode[1:] else decode
        median = statistics.median(decode)
        return Timings(
            tokens=len(self.seconds),
            ttft=ttft,
            tpot=median,
            tpot_p10=deciles[0],
            tpot_p90=deciles[-1],
            tokens_per_s=len(decode) / sum(decode),
            bandwidth=self.bytes_per_step / median,
        )


def _not_finite(logits: Tensor) -> str:
    bad = int((~logits.isfinite()).sum())
    kind = "NaN" if logits.isnan().any() else "infinite"
    return f"{bad} of {logits.numel()} logits are {kind}: no next token can be chosen."
