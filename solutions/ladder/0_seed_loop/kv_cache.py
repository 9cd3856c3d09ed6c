"""Rung 0: the seed's loop. Torch's layers, no KV-cache: the whole text again for every token.

Idea      none yet: this is where everybody starts.
Expected  A step launches some 25 kernels a layer, about 300 in all. Python needs 10 to 20 us for
          each: 3 to 6 ms, whatever the GPU can do. The GPU waits for Python.
Measured  189 tokens/s (H100 80GB, GPT-2 124M, prompt 10 + 500 tokens): 5.3 ms a step, of which the
          weights need 0.16.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def generate(
    model, ids: Tensor, max_new_tokens: int, sample: Callable[[Tensor], Tensor]
) -> Iterator[Tensor]:
    """Yield max_new_tokens new ids, each (1, 1), after the prompt ids (1, T)."""
    for _ in range(max_new_tokens):
        new = sample(model.next_logits(ids))  # (1, 1)
        ids = torch.cat([ids, new], dim=1)  # (1, T + 1)
        yield new
