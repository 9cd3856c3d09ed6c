"""Small checkpoints, made by transformers, and the reference submission's folder."""

import base64
from pathlib import Path

import torch

from mingpt.paths import ROOT

SOLUTIONS = ROOT / "solutions"
TINY = {"n_layer": 3, "n_head": 4, "n_embd": 64, "vocab_size": 256, "n_positions": 64}


def write_byte_vocabulary(path: Path) -> None:
    """A vocabulary of the 256 bytes and nothing else: every id is a byte."""
    path.write_bytes(b"".join(base64.b64encode(bytes([i])) + b" %d\n" % i for i in range(256)))


def save_random_gpt2(folder: Path, **config):
    """A GPT-2 with random weights, made and saved by transformers. Returns it."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(**config)).eval()
    for p in model.parameters():
        if p.dim() == 1:  # biases are made 0 and layernorm's weights 1: nothing would test them
            p.data += 0.2 * torch.randn(p.shape)
    model.save_pretrained(folder)
    return model
