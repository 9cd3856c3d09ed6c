"""The KV-cache: remember the keys and values of past tokens, and decode one token at a time.

Without a cache, every new token costs a pass over the whole text so far. But the keys and values
of past tokens never change: causal attention lets nobody look ahead. Keep them, and a decode step
feeds one token only.

The model calls the cache's methods in this order, for T new tokens:

    cache.positions(T)                        once, for the position embedding
    cache.mask(T)                             once, for all layers
    k, v = cache.update(layer, k, v)          in each layer, before attention
    cache.advance(T)                          once, at the end

Check your work as you go, in the notebook or in a clone of the workbook:

    lab.check("kv_cache")    python grader/grade.py starter --only kv_cache
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


class KVCache:
    """Keys and values of the `length` tokens seen so far, for every layer.

    Symbols: L layers, nh heads, S the most tokens it can hold, hs the head size, T new tokens.
    """

    def __init__(self, n_layer: int, n_head: int, max_len: int, head_size: int, device, dtype):
        """Allocate once, for the longest text: growing a tensor step by step copies it each time.

        TODO 1 (about 3 lines): self.k and self.v of shape (L, 1, nh, S, hs), and self.length = 0.
        """
        ### BEGIN SOLUTION
        shape = (n_layer, 1, n_head, max_len, head_size)
        self.k = torch.zeros(shape, device=device, dtype=dtype)
        self.v = torch.zeros(shape, device=device, dtype=dtype)
        self.length = 0
        #| raise NotImplementedError("KVCache.__init__ is not written yet")
        ### END SOLUTION

    def positions(self, T: int) -> Tensor:
        """The positions of T new tokens in the text: (T) int64. The first token of all is at 0.

        TODO 2 (about 1 line): how many tokens came before?
        """
        ### BEGIN SOLUTION
        return torch.arange(self.length, self.length + T, device=self.k.device)
        #| raise NotImplementedError("KVCache.positions is not written yet")
        ### END SOLUTION

    def mask(self, T: int) -> Tensor:
        """Who may look at whom: (T, length + T) bool, True where new token i may see token j.

        TODO 3 (about 3 lines): a token sees itself and everything before it, history included.
        """
        ### BEGIN SOLUTION
        query = self.positions(T)[:, None]  # (T, 1)
        key = torch.arange(self.length + T, device=self.k.device)[None, :]  # (1, length + T)
        return key <= query
        #| raise NotImplementedError("KVCache.mask is not written yet")
        ### END SOLUTION

    def update(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store the new keys and values of one layer, each (1, nh, T, hs).

        Returns all of that layer's so far, the new ones included: two (1, nh, length + T, hs).
        The length must not change here: the other layers have yet to store theirs.

        TODO 4 (about 4 lines): write at the right layer and positions, return the filled part.
        """
        ### BEGIN SOLUTION
        end = self.length + k.shape[2]
        self.k[layer, :, :, self.length : end] = k
        self.v[layer, :, :, self.length : end] = v
        return self.k[layer, :, :, :end], self.v[layer, :, :, :end]
        #| raise NotImplementedError("KVCache.update is not written yet")
        ### END SOLUTION

    def advance(self, T: int) -> None:
        """All layers have stored their T new tokens: they are history now.

        TODO 5 (about 1 line)
        """
        ### BEGIN SOLUTION
        self.length += T
        #| raise NotImplementedError("KVCache.advance is not written yet")
        ### END SOLUTION


def generate(
    model, ids: Tensor, max_new_tokens: int, sample: Callable[[Tensor], Tensor]
) -> Iterator[Tensor]:
    """Yield max_new_tokens new ids, each (1, 1) int64, as soon as each is known.

    ids is the prompt, (1, T) with T + max_new_tokens <= model.config.block_size.
    model.next_logits(new_ids, cache) feeds (1, T) ids and returns the logits after the last of
    them, (1, vocab_size). sample(logits) picks the next id, (1, 1).
    model.config has n_layer, n_head, head_size and block_size; model.device and model.dtype say
    what the cache must hold.

    TODO 6 (about 8 lines)
      1. Make a cache that holds block_size tokens.
      2. Prefill: feed the whole prompt, once.
      3. Decode: sample an id, yield it, then feed that one id. Feed nothing after the last.
    """
    ### BEGIN SOLUTION
    c = model.config
    size = (c.n_layer, c.n_head, c.block_size, c.head_size)
    cache = KVCache(*size, device=model.device, dtype=model.dtype)
    new = ids
    for _ in range(max_new_tokens):
        logits = model.next_logits(new, cache)  # first the whole prompt (prefill), then one id
        new = sample(logits)
        yield new
    #| raise NotImplementedError("generate is not written yet")
    ### END SOLUTION
