"""Rounds in which each contestant runs once, in random order; and what comes out of them.

Contestants that are slow write fewer tokens: as many as fit into Effort.seconds. Those without a
cache compute each step from nothing, so that a step's time depends on the length of the text alone:
a sample of the steps, spread evenly over the text, stands for all of them.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bench.decoding.contestants import Contestant, Run
from bench.decoding.reference import Reference
from bench.gpu import has_crashed, reason, spread
from mingpt.errors import LabError

FEWEST = 4  # tokens of a run


@dataclass(frozen=True)
class Workload:
    """A prompt of so many tokens, and so many new ones."""

    prompt: int
    new: int

    @property
    def name(self) -> str:
        return f"{self.prompt}+{self.new}"

    @staticmethod
    def parse(text: str) -> "Workload":
        """'10+500'. Raises ValueError for all else."""
        prompt, _, new = text.partition("+")
        workload = Workload(int(prompt), int(new))
        if workload.prompt < 1 or workload.new < 2:
            raise ValueError(text)
        return workload


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int
    seconds: float  # that a run should take, at most


FULL, QUICK = Effort(5, 1.5), Effort(2, 0.15)


class WrongTokens(LabError):
    """A float32 contestant wrote an id that the model would not."""


@dataclass
class Measurement:
    """A contestant at a workload."""

    contestant: Contestant
    tokens: int = 0  # of a run
    steps: list[int] | None = None  # which ones, where they are a sample
    runs: list[Run] = field(default_factory=list)
    agreement: float = 0.0  # the fraction of ids that are the float32 model's likeliest
    error: str = ""

    def result(self, read_bandwidth: float) -> dict:
        """The figures: medians over the runs. bytes/s, seconds, fractions."""
        c = self.contestant
        about = {"name": c.name, "label": c.label, "dtype": c.dtype, "rung": c.is_rung}
        if self.error or not self.runs:
            return about | {"error": self.error or "not measured"}
        rates = [run.tokens_per_s for run in self.runs]
        rate = statistics.median(rates)
        return about | {
            "tokens_per_s": rate,
            "spread": spread(rates),
            "runs": rates,
            "tokens": self.tokens,
            "sampled": self.steps is not None,
            "ttft_s": statistics.median(run.ttft for run in self.runs),
            "tpot_s": 1 / rate,
            "bytes_per_step": c.bytes_per_step,
            "bytes_per_s": c.bytes_per_step * rate,
            "of_read_bandwidth": c.bytes_per_step * rate / read_bandwidth,
            "agreement": self.agreement,
        }


def measure(
    contestants: list[Contestant],
    workload: Workload,
    reference: Reference,
    effort: Effort,
    device: str,
    rng: np.random.Generator,
    say: Callable[[str], None],
    out: dict[str, str],
) -> list[Measurement]:
    """All contestants, in their order. One that fails is out, and the others go on.

    out: who is out from the start, and why. After a crash of the GPU nobody goes on: `error` says
    who it was.
    """
    all_of_them = [Measurement(c, error=out.get(c.name, "")) for c in contestants]
    for m in all_of_them:
        say(f"{workload.name}: {m.contestant.name}, warming up")
        attempt(m, all_of_them, device, lambda m=m: prepare(m, workload, reference, effort))
    for r in range(effort.rounds):
        for i in rng.permutation(len(all_of_them)):
            m = all_of_them[i]
            say(f"{workload.name}: round {r + 1} of {effort.rounds}, {m.contestant.name}")
            attempt(m, all_of_them, device, lambda m=m: m.runs.append(one_run(m, reference)))
    return all_of_them


def attempt(m: Measurement, others: list[Measurement], device: str, action: Callable) -> None:
    """action(), unless m is out already. What goes wrong in it puts m out."""
    if m.error:
        return
    try:
        action()
    except Exception as e:
        m.error = reason(e)
        if has_crashed(device):
            m.error = f"crashed the GPU. {m.error}"
            for other in others:
                other.error = other.error or f"not measured: {m.contestant.name} crashed the GPU"


def prepare(m: Measurement, workload: Workload, reference: Reference, effort: Effort) -> None:
    """Warm m up, decide how much it writes in a run, and see that it writes the right ids."""
    c = m.contestant
    if not c.cached:
        m.steps = [0, workload.new // 2, workload.new - 1]
        one_run(m, reference)
        step = max(one_run(m, reference).seconds)
        count = int(min(workload.new, 64, max(FEWEST, effort.seconds / step)))
        m.steps = [round(s) for s in np.linspace(0, workload.new - 1, count)]
        m.tokens = count
    else:
        m.tokens = min(workload.new, 16)
        one_run(m, reference)
        run = one_run(m, reference)
        m.tokens = int(min(workload.new, max(FEWEST, effort.seconds * run.tokens_per_s)))
    one_run(m, reference)


def one_run(m: Measurement, reference: Reference) -> Run:
    """Timed; then judged, outside of the clock. Raises WrongTokens."""
    c = m.contestant
    if m.steps is None:
        run = c.run(reference.prompt, m.tokens)
    else:
        texts = [reference.context(step) for step in m.steps]
        run = joined([c.run(text, 1) for text in texts])
    if len(run.ids) != (len(m.steps) if m.steps else m.tokens):
        raise WrongTokens(f"It wrote {len(run.ids)} ids, not as many as it was asked for.")
    bad, m.agreement = reference.judge(run, m.steps)
    if bad is not None and c.dtype == "fp32":
        step = m.steps[bad] if m.steps else bad
        raise WrongTokens(
            f"New token {step} is {run.ids[bad]}: not what the model says after that text."
        )
    return run


def joined(runs: list[Run]) -> Run:
    """Single steps as one run."""
    return Run([i for run in runs for i in run.ids], [s for run in runs for s in run.seconds])


def prompt_of(workload: Workload, vocabulary: int, rng: np.random.Generator) -> Tensor:
    """Random ids, (1, T) int64 on the host."""
    return torch.from_numpy(rng.integers(0, vocabulary, (1, workload.prompt), dtype=np.int64))
