"""A small model in GPT-2 124M's shape, for kernels that are made for no other: the same logits."""

import torch

from mingpt.model import GPT, GPTConfig

SHAPE = GPTConfig.preset("gpt2")


@torch.no_grad()
def widened(small: GPT) -> GPT:
    """GPT-2 124M's layers, heads and channels, with weights by which it computes what `small` does.

    Each channel is there r times, each head too: means, variances and scores stay as they are if
    weights are repeated and divided by r. The lm_head, whose weights are the embeddings, adds up
    the r copies, so the last layernorm divides by r. Layers that `small` doesn't have add 0.
    Float32, on small's device. Raises ValueError for a shape that does not fit.
    """
    c, r = small.config, SHAPE.n_embd // small.config.n_embd
    if (r * c.n_embd, r * c.n_head) != (SHAPE.n_embd, SHAPE.n_head) or c.n_layer > SHAPE.n_layer:
        raise ValueError(f"{c} does not fit into {SHAPE}")
    wide = GPT(GPTConfig(SHAPE.n_layer, SHAPE.n_head, SHAPE.n_embd, c.vocab_size, c.block_size))
    theirs = dict(small.named_parameters())
    for name, p in wide.named_parameters():
        w = theirs.get(name)
        if w is None:
            p.fill_(1.0 if "ln_" in name and name.endswith("weight") else 0.0)
        elif name.endswith(("wte.weight", "wpe.weight")):
            p.copy_(w.repeat(1, r))
        elif "ln_f" in name:
            p.copy_(w.repeat(r) / r)
        else:  # c_attn's rows are three matrices'
            parts = w.chunk(3 if "c_attn" in name else 1)
            p.copy_(torch.cat([x.repeat(r, r) / r if x.dim() == 2 else x.repeat(r) for x in parts]))
    return wide.eval().requires_grad_(False).to(small.device)
