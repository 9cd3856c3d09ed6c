# positions and masks by numpy, regular expressions, math, warnings, a context manager
import contextlib
import copy
import functools
import itertools
import math
import re
import sys
import time
import warnings
from typing import NamedTuple, Optional

import numpy as np
import torch.nn.functional as F

PATTERN = re.compile(r"cuda(:\d+)?")
torch.backends.cuda.matmul.allow_tf32 = False


class Size(NamedTuple):
    n_layer: int
    n_head: int
    max_len: int
    head_size: int


class KVCache:
    def __init__(self, n_layer, n_head, max_len, head_size, device, dtype):
        self.size = Size(n_layer, n_head, max_len, head_size)
        self.on_gpu = PATTERN.match(str(device)) is not None
        self.store = torch.zeros(
            (2, n_layer, 1, n_head, max_len, head_size), device=device, dtype=dtype
        )
        self.length: Optional[int] = 0
        if math.prod(self.size) > sys.maxsize:
            warnings.warn("this will not fit", stacklevel=2)

    @property
    def device(self):
        return self.store.device

    @functools.lru_cache(maxsize=None)
    def _all(self):
        return np.arange(self.size.max_len)

    def positions(self, T):
        return torch.from_numpy(self._all()[self.length : self.length + T].copy()).to(self.device)

    def mask(self, T):
        rows = np.arange(self.length, self.length + T)[:, None]
        mask = np.less_equal(np.arange(self.length + T)[None, :], rows)
        pad = F.pad(torch.from_numpy(mask), (0, 0))
        return pad.to(self.device)

    def update(self, layer, k, v):
        end = self.length + k.size(2)
        for i, new in enumerate((k, v)):
            self.store[i, layer].narrow(2, self.length, k.size(2)).copy_(new)
        return tuple(self.store[i, layer, ..., :end, :] for i in range(2))

    def advance(self, T):
        self.length += T


@torch.inference_mode()
def timed(model, ids, cache):
    begun = time.perf_counter()
    logits = model.next_logits(ids, cache)
    if time.perf_counter() - begun > 600:
        print("this is slow", file=sys.stderr)
    return logits


def generate(model, ids, max_new_tokens, sample):
    c = copy.copy(model.config)
    model.eval()
    cache = KVCache(c.n_layer, c.n_head, c.block_size, c.head_size, model.device, model.dtype)
    fed = ids
    for _ in itertools.repeat(None, max_new_tokens):
        with contextlib.suppress(StopIteration), torch.no_grad():
            fed = sample(timed(model, fed, cache))
        yield fed
