"""The rungs of solutions/ladder, as they are found there, and what is known of each."""

import math
from pathlib import Path

import torch

from mingpt.model import GPT, GPTConfig
from mingpt.paths import ROOT

LADDER = ROOT / "solutions" / "ladder"
RUNGS = sorted(path for path in LADDER.iterdir() if path.name[0].isdigit())
WITH_LAYERS = [path for path in RUNGS if (path / "gpt.cu").is_file()]

# Another rung with another type of weights.
TYPES = ("8_persistent_fp32", "9_hopper_fp32", "9_hopper_int8")

SHARE = {  # of float32's bytes of weights
    **{"7_bf16": 0.5, "8_persistent": 0.5, "9_hopper": 0.5},
    **{"7_int8": 0.25, "9_hopper_int8": 0.25},
}

# Standard deviation of a rounding error, of the value: bfloat16 has 7 bits after the first (2^-7
# apart, for values of 1.5 on average); int8 is 1/127 of a row's largest weight apart, 3 times a
# usual one.
BF16, INT8 = 2**-7 / math.sqrt(12) / 1.5, 3 / 127 / math.sqrt(12)
# Largest error of a logit, of the largest logit. Weights and inputs of the 4 L + 1 = 9 linear
# layers are rounded independently: errors add up as the root of their number. The worst logit: 4
# times that.
_BF16, _INT8 = 4 * math.sqrt(9 * 2 * BF16**2), 4 * math.sqrt(9 * (INT8**2 + 2 * BF16**2))
TOLERANCE = {
    **{"7_bf16": _BF16, "8_persistent": _BF16, "9_hopper": _BF16},
    **{"7_int8": _INT8, "9_hopper_int8": _INT8},
}
FLOAT32 = 1e-5


def number(rung: Path) -> int:
    return int(rung.name.partition("_")[0])


def tolerance(rung: Path) -> float:
    return TOLERANCE.get(rung.name, FLOAT32)


def is_exact(rung: Path) -> bool:
    """Whether it computes in float32 throughout, so that greedy ids must be equal."""
    return rung.name not in TOLERANCE


def decodes_alone(rung: Path) -> bool:
    """From rung 5 on, gpt.cu has decoder.h's functions."""
    return number(rung) >= 5


def by_name(rung: Path) -> str:
    return rung.name


def random_gpt2(n_layer=2, n_head=3, n_embd=192, vocab_size=1001, n_positions=65):
    """(ours, transformers' in float64): a GPT-2 of unusual sizes with the same random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = dict(n_layer=n_layer, n_head=n_head, n_embd=n_embd, vocab_size=vocab_size)
    reference = GPT2LMHeadModel(
        GPT2Config(
            **config, n_positions=n_positions, initializer_range=0.2, bos_token_id=0, eos_token_id=0
        )
    ).eval()
    for p in reference.parameters():
        if p.dim() == 1:  # biases are made 0 and layernorm's weights 1: nothing would test them
            p.data += 0.2 * torch.randn(p.shape)
    ours = GPT(GPTConfig(**config, block_size=n_positions)).eval()
    theirs = reference.state_dict()
    with torch.no_grad():
        for name, p in ours.named_parameters():
            matrix = theirs[name]  # Conv1D has it (in, out); the embeddings are as ours
            p.copy_(matrix.T if p.dim() == 2 and ".h." in name else matrix)
    return ours.requires_grad_(False), reference.double()


def some_ids(model: GPT, T: int, seed: int = 0) -> torch.Tensor:
    """(1, T) int64, random."""
    random = torch.Generator().manual_seed(1000 * seed + T)
    return torch.randint(0, model.config.vocab_size, (1, T), generator=random)
