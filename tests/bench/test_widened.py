"""bench/widened.py: GPT-2 124M's shape, and the small model's logits."""

import pytest
import torch

from bench.widened import widened
from mingpt.model import GPT, GPTConfig
from mingpt.weights import load


@torch.no_grad()
def test_the_bundled_models_logits():
    small = load()[0]
    ids = torch.randint(0, small.config.vocab_size, (1, 40))
    wide = widened(small)
    assert (wide.config.n_layer, wide.config.n_head, wide.config.n_embd) == (12, 12, 768)
    want = small.double()(ids)
    assert (wide.double()(ids) - want).abs().max() < 1e-5 * want.abs().max()


def test_a_shape_that_does_not_fit():
    with pytest.raises(ValueError, match="does not fit"):
        widened(GPT(GPTConfig(2, 4, 320, 50, 20)))
