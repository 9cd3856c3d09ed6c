"""How far a rung's logits are from the float64 model's, and its greedy ids from the right ones."""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.ladder import OpenRung
from mingpt.bundled import corpus
from mingpt.generate import Sampler, generate
from mingpt.kernels import load_kv_cache
from mingpt.model import GPT
from mingpt.ops import TorchOps
from mingpt.paths import ROOT
from mingpt.tokenizer import Tokenizer

PROMPT = 10  # tokens, before the greedy ones


class Truth:
    """The model in float64, by torch: its logits after each of the ids (T)."""

    def __init__(self, model: GPT, ids: Tensor):
        self.model = copy.deepcopy(model).double()
        self.model.ops = TorchOps()
        self.ids = ids
        self.logits = self.after(ids)  # (T, V) float64

    @torch.no_grad()
    def after(self, ids: Tensor) -> Tensor:
        """ids (T) -> (T, V) float64."""
        return self.model(ids[None].to(self.model.device))[0]

    def greedy(self, n: int) -> list[int]:
        """The n likeliest ids after the first PROMPT ids."""
        cached = load_kv_cache(ROOT / "solutions").generate
        return list(generate(self.model, self.ids[None, :PROMPT], n, Sampler(0.0), cached))

    def best(self, new: list[int]) -> float:
        """The fraction of new ids after that prompt that are the likeliest after their own text."""
        text = torch.cat([self.ids[:PROMPT].cpu(), torch.tensor(new[:-1], dtype=torch.int64)])
        likeliest = self.after(text)[PROMPT - 1 :].argmax(dim=1).cpu()
        return float((likeliest == torch.tensor(new)).double().mean())


def compare(got: Tensor, expected: Tensor) -> dict[str, float]:
    """Logits (T, V) against the right ones in float64.

    max_error, mean_error  of a logit, absolute
    relative_error         the largest, relative to the largest right logit
    kl                     KL divergence from the right distribution over the next id, in nats: the
                           mean over the positions
    """
    got = got.double()
    error = (got - expected).abs()
    return {
        "max_error": float(error.max()),
        "mean_error": float(error.mean()),
        "relative_error": float(error.max() / expected.abs().max()),
        "kl": kl_divergence(expected, got),
    }


def kl_divergence(expected: Tensor, got: Tensor) -> float:
    """sum p (log p - log q), p and q the softmax of logits (T, V) float64; the mean over T."""
    log_p, log_q = F.log_softmax(expected, dim=1), F.log_softmax(got, dim=1)
    return float((log_p.exp() * (log_p - log_q)).sum(dim=1).mean())


@torch.no_grad()
def prefill_logits(rung: OpenRung, ids: Tensor) -> Tensor:
    """All ids (T) fed at once: (T, V) float32."""
    if rung.decoder:
        return rung.decoder.feed(ids, num_logits=ids.numel())
    return rung.model(ids[None].to(rung.model.device))[0]


@torch.no_grad()
def decode_logits(rung: OpenRung, ids: Tensor) -> Tensor | None:
    """One id at a time: (T, V) float32. None where the rung has no cache."""
    if not rung.cached:
        return None
    ids = ids.to(rung.model.device)
    if rung.decoder:
        return torch.cat([rung.decoder.feed(ids[t : t + 1], t) for t in range(ids.numel())])
    c, model = rung.model.config, rung.model
    cache = rung.kv_cache(
        *(c.n_layer, c.n_head, c.block_size, c.head_size), device=model.device, dtype=model.dtype
    )
    return torch.cat([model.next_logits(ids[None, t : t + 1], cache) for t in range(ids.numel())])


def greedy_ids(rung: OpenRung, prompt: Tensor, n: int) -> list[int]:
    """The n ids that the rung writes after prompt (T)."""
    return list(rung.generate(prompt[None], n))


def leading(a: list[int], b: list[int]) -> int:
    """How many ids are equal before the first that differs."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))


def text_ids(model: GPT, tokenizer: Tokenizer, count: int) -> tuple[Tensor, str]:
    """(count) ids of a text that the bundled model was not trained on, and what text it is.

    The held-out plays where the package that has them is installed, else the model's own writing.
    """
    try:
        text = corpus.split()[1]
    except ModuleNotFoundError:
        start = torch.tensor([tokenizer.encode("\n")])
        cached = load_kv_cache(ROOT / "solutions").generate
        own = list(generate(model, start, count, Sampler(seed=0), cached))
        return torch.tensor(own), "text that the model wrote itself, at temperature 1"
    ids = torch.tensor(tokenizer.encode(text[: 8 * count]))[:count]
    return ids, "the first lines of Julius Caesar, held out in training"


def random_ids(model: GPT, count: int, seed: int) -> Tensor:
    """(count) ids drawn evenly from the vocabulary."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, model.config.vocab_size, count, dtype=np.int64))
