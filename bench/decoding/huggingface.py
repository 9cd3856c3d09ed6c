"""Hugging Face's transformers, as most people call it: generate, with a streamer that looks on."""

import time

import torch
from torch import Tensor

from bench.decoding.contestants import DTYPES, Contestant, Run
from mingpt.model import GPT
from mingpt.weights import TRANSPOSED


class HuggingFace(Contestant):
    """transformers' generate. static: with a static cache, whose decode step it compiles."""

    def __init__(self, dtype: str, static: bool):
        self.name = f"huggingface{'_static' if static else ''}_{dtype}"
        self.label = "Hugging Face compiled" if static else "Hugging Face eager"
        self.dtype, self._static = dtype, static

    def open(self, model: GPT, longest: int) -> None:
        self.model, self._theirs = model, to_hugging_face(model).to(DTYPES[self.dtype])
        self.bytes_per_step = model.bytes_per_step * DTYPES[self.dtype].itemsize // 4
        self._cache = None
        if self._static:  # one for all texts: what is compiled for it stays
            from transformers import StaticCache

            self._cache = StaticCache(config=self._theirs.config, max_cache_len=longest)

    def run(self, ids: Tensor, n: int) -> Run:
        from transformers import GenerationConfig

        config = GenerationConfig(
            max_new_tokens=n,
            do_sample=False,
            use_cache=True,
            eos_token_id=None,
            pad_token_id=0,
        )
        if self._cache:
            self._cache.reset()
        device = self.model.device
        if device.type == "cuda":
            torch.cuda.synchronize()
        arrivals = Arrivals()  # the clock starts
        fed = ids.to(device)
        self._theirs.generate(
            fed,
            attention_mask=torch.ones_like(fed),
            generation_config=config,
            past_key_values=self._cache,
            streamer=arrivals,
        )
        return Run(arrivals.ids, arrivals.seconds)

    def close(self) -> None:
        self._theirs = self._cache = None


class Arrivals:
    """A streamer, as generate takes one: notes each id and when it came."""

    def __init__(self):
        self.ids: list[int] = []
        self.seconds: list[float] = []
        self._last: float = time.perf_counter()
        self._prompt = True

    def put(self, value: Tensor) -> None:
        if self._prompt:  # it comes first
            self._prompt = False
            return
        self.ids += [int(i) for i in value.flatten()]
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now

    def end(self) -> None:
        """Nothing to do."""


def to_hugging_face(model: GPT):
    """The same model as transformers' GPT2LMHeadModel, with weights of its own."""
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    c = model.config
    config = GPT2Config(
        vocab_size=c.vocab_size,
        n_positions=c.block_size,
        n_embd=c.n_embd,
        n_layer=c.n_layer,
        n_head=c.n_head,
        layer_norm_epsilon=c.eps,
        bos_token_id=None,
        eos_token_id=None,
    )
    with model.device:
        theirs = GPT2LMHeadModel(config).eval().requires_grad_(False)
    own = dict(model.named_parameters())
    for name, parameter in theirs.transformer.named_parameters():
        weight = own[f"transformer.{name}"]
        parameter.copy_(weight.t() if name.endswith(TRANSPOSED) else weight)
    return theirs
