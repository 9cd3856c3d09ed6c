"""Makes the bundled model: `python -m mingpt.bundled.train --out build/shakespeare`.

Learns a vocabulary from the plays, trains a small GPT-2 on them, and exports what lies in this
folder: model.safetensors (float16), config.json, vocab.tiktoken, loss.csv. A GPU does it in a few
minutes. Run the same command again after Ctrl-C, and it goes on from the last checkpoint.

The figure to look at is nats per character on the held-out plays: it does not depend on the
vocabulary, so that models can be compared.
"""

import argparse
import csv
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.progress import Progress, TextColumn
from safetensors.torch import save_file
from torch import Tensor

from mingpt.bundled import corpus, vocabulary
from mingpt.model import GPT, GPTConfig
from mingpt.tokenizer import Tokenizer


@dataclass
class Recipe:
    """Everything that the result depends on."""

    n_layer: int = 6
    n_head: int = 4
    n_embd: int = 256
    vocab_size: int = 512
    block_size: int = 512
    steps: int = 5000
    batch_size: int = 32  # sequences of block_size tokens in a step
    learning_rate: float = 1e-3  # after the warm-up; falls to a tenth along a cosine
    warmup: int = 200
    weight_decay: float = 0.1  # of matrices only
    dropout: float = 0.2  # of the embedding, and of what each layer adds
    ema: float = 0.998  # the exported weights are a moving average of the trained ones
    seed: int = 1


class Trainer:
    """Model, optimiser, moving average and position in the run; saves and restores them all."""

    def __init__(self, recipe: Recipe, tokens: Tensor, held_out: Tensor, held_out_chars: int):
        self.recipe, self.tokens, self.held_out = recipe, tokens, held_out
        self.held_out_chars = held_out_chars
        self.device = tokens.device
        torch.manual_seed(recipe.seed)
        config = GPTConfig(
            recipe.n_layer, recipe.n_head, recipe.n_embd, recipe.vocab_size, recipe.block_size
        )
        self.model = GPT(config).to(self.device)
        init_weights(self.model, recipe.n_layer)
        add_dropout(self.model, recipe.dropout)
        decayed = [p for p in self.model.parameters() if p.dim() >= 2]
        others = [p for p in self.model.parameters() if p.dim() < 2]
        groups = [
            {"params": decayed, "weight_decay": recipe.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.99))
        self.average = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        self.batches = torch.Generator().manual_seed(recipe.seed)  # on the CPU: same on any device
        self.step = 0

    def state(self) -> dict:
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "batches": self.batches.get_state(),
        }

    def restore(self, state: dict) -> None:
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = {name: t.to(self.device) for name, t in state["average"].items()}
        self.batches.set_state(state["batches"])

    def batch(self) -> tuple[Tensor, Tensor]:
        """Random windows of the text: inputs and the ids that follow, both (B, block_size)."""
        B, T = self.recipe.batch_size, self.recipe.block_size
        starts = torch.randint(len(self.tokens) - T, (B, 1), generator=self.batches)
        windows = self.tokens[(starts + torch.arange(T + 1)).to(self.device)]  # (B, T + 1)
        return windows[:, :-1], windows[:, 1:]

    def train_step(self) -> float:
        """One step of the optimiser. Returns its loss, in nats a token."""
        rate = learning_rate(self.step, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        inputs, targets = self.batch()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            loss = F.cross_entropy(self.model(inputs).flatten(0, 1).float(), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, p in self.model.named_parameters():
                self.average[name].lerp_(p, 1 - decay)
        self.step += 1
        return loss.item()

    @torch.no_grad()
    def nats_per_char(self) -> float:
        """The averaged model's loss on the held-out plays, every token predicted once."""
        trained = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        self.model.load_state_dict(self.average, strict=False)
        self.model.eval()
        total, T = 0.0, self.recipe.block_size
        for start in range(0, len(self.held_out) - 1, T):
            window = self.held_out[start : start + T + 1]
            logits = self.model(window[None, :-1])[0]  # (T, V)
            total += F.cross_entropy(logits.float(), window[1:], reduction="sum").item()
        self.model.load_state_dict(trained, strict=False)
        return total / self.held_out_chars


def learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine down to a tenth."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    progress = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress)))


def init_weights(model: GPT, n_layer: int) -> None:
    """GPT-2's initialisation: N(0, 0.02), projections into the residual stream scaled down."""
    for name, p in model.named_parameters():
        if p.dim() >= 2:
            std = 0.02 / math.sqrt(2 * n_layer) if "c_proj" in name else 0.02
            torch.nn.init.normal_(p, std=std)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(p)
        else:
            torch.nn.init.ones_(p)


def add_dropout(model: GPT, p: float) -> None:
    """Drop what each attention and MLP adds to the residual stream (the model itself has none)."""

    def drop(module, _inputs, output):
        return F.dropout(output, p, module.training)

    for block in model.blocks:
        block.attn.register_forward_hook(drop)
        block.mlp.register_forward_hook(drop)


def prepare(recipe: Recipe, out: Path) -> tuple[Tensor, Tensor, int]:
    """The vocabulary (written to `out`), the tokens to train on, those held out, and the
    number of characters held out."""
    train_text, held_out_text = corpus.split()
    vocabulary.write(vocabulary.learn(train_text, recipe.vocab_size), out / "vocab.tiktoken")
    tokenizer = Tokenizer.from_file(out / "vocab.tiktoken")
    train, held_out = (torch.tensor(tokenizer.encode(t)) for t in (train_text, held_out_text))
    return train, held_out, len(held_out_text)


def save_checkpoint(trainer: Trainer, path: Path) -> None:
    """Written whole or not at all."""
    partial = path.with_suffix(".partial")
    torch.save({"recipe": asdict(trainer.recipe), **trainer.state()}, partial)
    partial.replace(path)


def export(trainer: Trainer, out: Path) -> None:
    """Hugging Face's names and layout, float16: (in, out) for the matrices of its Conv1D."""
    tensors = {}
    for name, tensor in trainer.average.items():
        if name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            tensor = tensor.t()
        tensors[name] = tensor.half().contiguous().cpu()
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)  # save_file lets nobody else read it
    recipe = trainer.recipe
    config = {
        "model_type": "gpt2",
        "n_layer": recipe.n_layer,
        "n_head": recipe.n_head,
        "n_embd": recipe.n_embd,
        "vocab_size": recipe.vocab_size,
        "n_positions": recipe.block_size,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
    }
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def train(recipe: Recipe, out: Path, device: str, eval_every: int) -> float:
    """Train (or go on), log to loss.csv, export. Returns nats per held-out character."""
    out.mkdir(parents=True, exist_ok=True)
    tokens, held_out, chars = prepare(recipe, out)
    trainer = Trainer(recipe, tokens.to(device), held_out.to(device), chars)
    checkpoint, log = out / "checkpoint.pt", out / "loss.csv"
    rows: list[list] = []
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        if state["recipe"] != asdict(recipe):
            raise SystemExit(
                f"{checkpoint} is of another recipe: choose another --out, or remove it"
            )
        trainer.restore(state)
        with log.open() as f:
            rows = [row for row in list(csv.reader(f))[1:] if int(row[0]) <= trainer.step]
        print(f"going on from step {trainer.step}")

    nats, start, recent = math.nan, time.monotonic(), 0.0
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[loss]}"))
    try:
        with Progress(*columns) as progress:
            task = progress.add_task(
                "training", total=recipe.steps, completed=trainer.step, loss=""
            )
            while trainer.step < recipe.steps:
                loss = trainer.train_step()
                recent = loss if not recent else 0.98 * recent + 0.02 * loss
                if trainer.step % eval_every == 0 or trainer.step == recipe.steps:
                    nats = trainer.nats_per_char()
                    seconds = time.monotonic() - start
                    rows.append([trainer.step, f"{recent:.4f}", f"{nats:.4f}", f"{seconds:.0f}"])
                    write_log(log, rows)
                    save_checkpoint(trainer, checkpoint)
                shown = f"loss {recent:.3f} nats/token, held out {nats:.4f} nats/char"
                progress.update(task, completed=trainer.step, loss=shown)
    except KeyboardInterrupt:
        save_checkpoint(trainer, checkpoint)
        raise SystemExit(f"\nstopped at step {trainer.step}: run it again to go on") from None
    nats = trainer.nats_per_char()
    export(trainer, out)
    return nats


def write_log(path: Path, rows: list[list]) -> None:
    with path.open("w", newline="") as f:
        header = ["step", "train_nats_per_token", "held_out_nats_per_char", "seconds"]
        csv.writer(f).writerows([header, *rows])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m mingpt.bundled.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("build/shakespeare"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--eval_every", type=int, default=250, help="steps between measurements")
    for name, value in asdict(Recipe()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"default {value}")
    args = vars(parser.parse_args())
    out, device, eval_every = args.pop("out"), args.pop("device"), args.pop("eval_every")
    nats = train(Recipe(**args), out, device, eval_every)
    print(f"held-out plays: {nats:.4f} nats per character; written to {out}")


if __name__ == "__main__":
    main()
