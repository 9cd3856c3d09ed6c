"""GPT-2, from top to bottom.

Token ids go in; for each position, a score ("logit") for every possible next token comes out. In
between, each token is a vector of C numbers that L blocks refine, one after the other. In a block,
attention lets a token look at those before it, and the MLP lets it think about what it saw.

Symbols in the comments:
    B   batch size                  C   n_embd, the width of a token's vector
    T   new tokens                  nh  n_head,  hs = C / nh, the size of a head
    S   tokens that can be seen     V   vocab_size
        (S = T without a cache)     L   n_layer

gelu, layernorm and linear go through `ops`, so that a submission's kernels can take their place.
The rest (embedding, attention, residual sums) stays with torch. Parameters have the names that
Hugging Face gives them; matrices are stored (out, in).

Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mingpt.nvtx import span
from mingpt.ops import Ops, TorchOps


@dataclass(frozen=True)
class GPTConfig:
    """The size of a GPT-2."""

    n_layer: int
    n_head: int
    n_embd: int
    vocab_size: int = 50257
    block_size: int = 1024  # the longest text it can see, in tokens
    eps: float = 1e-5  # of every layernorm

    def __post_init__(self):
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd = {self.n_embd} cannot be split evenly into n_head = {self.n_head} heads"
            )

    @property
    def head_size(self) -> int:
        return self.n_embd // self.n_head

    @staticmethod
    def preset(name: str) -> "GPTConfig":
        """One of the four published sizes. Raises KeyError for any other name."""
        n_layer, n_head, n_embd = PRESETS[name]
        return GPTConfig(n_layer, n_head, n_embd)


PRESETS = {
    "gpt2": (12, 12, 768),  # 124M parameters
    "gpt2-medium": (24, 16, 1024),  # 355M
    "gpt2-large": (36, 20, 1280),  # 774M
    "gpt2-xl": (48, 25, 1600),  # 1558M
}


class Attention(nn.Module):
    """Each token gathers from those before it, weighed by how well its query fits their keys."""

    def __init__(self, config: GPTConfig, layer: int):
        super().__init__()
        self.layer = layer
        self.n_head = config.n_head
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd)  # query, key and value at once
        self.c_proj = nn.Linear(config.n_embd, config.n_embd)

    def forward(self, x: Tensor, mask: Tensor, ops: Ops, cache=None) -> Tensor:
        B, T, C = x.shape
        heads = (B, T, self.n_head, C // self.n_head)
        qkv = ops.linear(x, self.c_attn.weight, self.c_attn.bias)  # (B, T, 3C)
        q, k, v = qkv.split(C, dim=2)  # each (B, T, C)
        q = q.view(heads).transpose(1, 2)  # (B, nh, T, hs)
        k = k.view(heads).transpose(1, 2)  # (B, nh, T, hs)
        v = v.view(heads).transpose(1, 2)  # (B, nh, T, hs)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)  # (B, nh, S, hs): the history, then the new ones

        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])  # (B, nh, T, S)
        scores = scores.masked_fill(~mask, float("-inf"))  # nobody looks ahead
        weights = F.softmax(scores, dim=3)  # (B, nh, T, S): each row sums to 1
        y = weights @ v  # (B, nh, T, hs)
        y = y.transpose(1, 2).reshape(B, T, C)  # the heads side by side again
        return ops.linear(y, self.c_proj.weight, self.c_proj.bias)  # (B, T, C)


class MLP(nn.Module):
    """Each token by itself: four times wider, gelu, and back."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd)

    def forward(self, x: Tensor, ops: Ops) -> Tensor:
        x = ops.linear(x, self.c_fc.weight, self.c_fc.bias)  # (B, T, 4C)
        x = ops.gelu(x)  # (B, T, 4C)
        return ops.linear(x, self.c_proj.weight, self.c_proj.bias)  # (B, T, C)


class Block(nn.Module):
    """Attention, then the MLP. Each adds what it found to the token's vector."""

    def __init__(self, config: GPTConfig, layer: int):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, config.eps)
        self.attn = Attention(config, layer)
        self.ln_2 = nn.LayerNorm(config.n_embd, config.eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, mask: Tensor, ops: Ops, cache=None) -> Tensor:
        x = x + self.attn(layernorm(ops, self.ln_1, x), mask, ops, cache)  # (B, T, C)
        x = x + self.mlp(layernorm(ops, self.ln_2, x), ops)  # (B, T, C)
        return x


class GPT(nn.Module):
    """The whole of it. With random weights until weights.load puts in trained ones.

    `ops` computes gelu, layernorm and linear: TorchOps, or a submission's kernels.
    """

    def __init__(self, config: GPTConfig, ops: Ops | None = None):
        super().__init__()
        self.config = config
        self.ops = ops or TorchOps()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config.vocab_size, config.n_embd),  # one vector a token
                "wpe": nn.Embedding(config.block_size, config.n_embd),  # one vector a position
                "h": nn.ModuleList(Block(config, layer) for layer in range(config.n_layer)),
                "ln_f": nn.LayerNorm(config.n_embd, config.eps),
            }
        )
        self.apply(_init_weights)

    def forward(self, ids: Tensor, cache=None) -> Tensor:
        """The logits at every position: ids (B, T) int64 -> (B, T, V).

        `cache` holds the keys and values of the tokens before `ids` (a submission's KVCache, with
        B = 1). Raises ValueError for more tokens than the model can see.
        """
        x = self._hidden(ids, cache)  # (B, T, C)
        return self._lm_head(x)  # (B, T, V)

    @torch.no_grad()
    def next_logits(self, ids: Tensor, cache=None) -> Tensor:
        """The logits for the token after the last: ids (B, T) int64 -> (B, V).

        V is large (50257 in GPT-2), so the lm_head is worth applying to that position only.
        """
        T = ids.shape[1]
        with span("decode" if cache is not None and T == 1 else f"prefill ({T} tokens)", ids):
            x = self._hidden(ids, cache)[:, -1]  # (B, C)
            return self._lm_head(x)  # (B, V)

    def _hidden(self, ids: Tensor, cache) -> Tensor:
        """What the tokens have become after the last block: (B, T) -> (B, T, C)."""
        T = ids.shape[1]
        if not 1 <= T <= self.config.block_size:
            raise ValueError(
                f"{T} tokens at once: the model takes 1 to {self.config.block_size} (block_size)"
            )
        if cache is None:
            positions = torch.arange(T, device=ids.device)  # (T)
            mask = positions[None, :] <= positions[:, None]  # (T, T): True where i may see j
        else:
            positions = cache.positions(T)  # (T)
            mask = cache.mask(T)  # (T, S)

        x = self.transformer.wte(ids) + self.transformer.wpe(positions)  # (B, T, C)
        for layer, block in enumerate(self.blocks):
            with span(f"layer {layer}", x):
                x = block(x, mask, self.ops, cache)  # (B, T, C)
        if cache is not None:
            cache.advance(T)
        return layernorm(self.ops, self.transformer.ln_f, x)  # (B, T, C)

    def _lm_head(self, x: Tensor) -> Tensor:
        """How well each token of the vocabulary fits: (..., C) -> (..., V), by wte itself."""
        return self.ops.linear(x, self.transformer.wte.weight, None)

    @property
    def blocks(self) -> nn.ModuleList:
        return self.transformer.h

    @property
    def device(self) -> torch.device:
        return self.transformer.wte.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.transformer.wte.weight.dtype

    @property
    def num_parameters(self) -> int:
        return sum(p.numel() for p in self.parameters())

    @property
    def bytes_per_step(self) -> int:
        """The bytes of weights that one decode step must read, each once.

        All but the position embedding, of which a step reads one row. (It also reads one row of
        the token embedding, but the lm_head, which is the same matrix, reads all of it.)
        """
        read = self.num_parameters - self.transformer.wpe.weight.numel()
        return read * self.transformer.wte.weight.element_size()


def layernorm(ops: Ops, ln: nn.LayerNorm, x: Tensor) -> Tensor:
    return ops.layernorm(x, ln.weight, ln.bias, ln.eps)


def _init_weights(module: nn.Module) -> None:
    """GPT-2's: matrices N(0, 0.02), biases 0."""
    if isinstance(module, nn.Linear | nn.Embedding) and not module.weight.is_meta:
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and not module.bias.is_meta:
        nn.init.zeros_(module.bias)
