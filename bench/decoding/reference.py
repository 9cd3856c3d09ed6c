"""Which ids are right: the same model in float32 by torch, asked after every token of a text."""

import numpy as np
import torch
from torch import Tensor

from bench.decoding.contestants import Run
from grader.oracle import first_bad_token
from mingpt.generate import Sampler, generate
from mingpt.kernels import load_kv_cache
from mingpt.model import GPT
from mingpt.paths import ROOT

MARGIN = 1e-3  # an id whose logit is this close to the best, in largest logits, is as good


class Reference:
    """The greedy text after a prompt, and judgement of others'."""

    def __init__(self, model: GPT, prompt: Tensor, n: int):
        """prompt (1, T) int64 on the host."""
        self.model, self.prompt = model, prompt
        cached = load_kv_cache(ROOT / "solutions").generate
        self.new = list(generate(model, prompt, n, Sampler(temperature=0), cached))
        self.logits = self._after(self.new)  # (N, V)
        self._judged: dict[tuple, tuple[int | None, float]] = {}

    def context(self, step: int) -> Tensor:
        """The text from which new id number `step` is picked, (1, T + step)."""
        return torch.cat([self.prompt, torch.tensor([self.new[:step]], dtype=torch.int64)], dim=1)

    def judge(self, run: Run, steps: list[int] | None = None) -> tuple[int | None, float]:
        """The first wrong id (None: all are right), and the fraction that are the likeliest.

        The logits are those after the run's own text, whatever it was; or where each id was picked
        by itself, after this text's `steps`.
        """
        key = (tuple(run.ids), tuple(steps or ()))
        if key not in self._judged:  # most write the same text
            self._judged[key] = self._judge(run, steps)
        return self._judged[key]

    def _judge(self, run: Run, steps: list[int] | None) -> tuple[int | None, float]:
        new = np.array(run.ids)
        if steps is not None:
            logits = self.logits[steps]
        elif run.ids == self.new[: len(run.ids)]:
            logits = self.logits[: len(run.ids)]
        else:
            logits = self._after([min(max(i, 0), self.logits.shape[1] - 1) for i in run.ids])
        best = float((logits.argmax(axis=1) == new).mean())
        return first_bad_token(logits, new, MARGIN), best

    @torch.no_grad()
    def _after(self, new: list[int]) -> np.ndarray:
        """The logits from which each of the new ids (N) is picked, (N, V) float32."""
        text = torch.cat([self.prompt, torch.tensor([new[:-1]], dtype=torch.int64)], dim=1)
        logits = self.model(text.to(self.model.device))[0, self.prompt.shape[1] - 1 :]
        return logits.float().cpu().numpy()
