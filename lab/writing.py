"""lab.generate: the model writes, with the student's layers and KV-cache if asked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.running import Run, running
from lab.screen import screen
from lab.submission import current
from lab.trouble import Trouble, kindly


@dataclass(frozen=True)
class Written:
    """text: the prompt and what was written after it. figures: as they were shown, by name."""

    text: str = ""
    figures: dict[str, str] = field(default_factory=dict)

    @property
    def tokens_per_s(self) -> float | None:
        found = re.match(r"[\d.]+", self.figures.get("speed", ""))
        return float(found[0]) if found else None

    def _ipython_display_(self) -> None:
        """It has been shown already."""


@kindly(otherwise=lambda message: Written())
def generate(
    prompt: str,
    steps: int = 100,
    layers: str | Sequence[str] = "",
    kv_cache: bool = False,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
    model: str = "",
) -> Written:
    """Write `steps` tokens after a prompt; then how fast it was.

    layers: those that the notebook's gpt.cu computes, "gelu,linear" or a list; torch does the
    others. kv_cache: decode with its kv_cache.py. temperature: 0 takes the likeliest token each
    time; top_k: choose among so many. model: the bundled one, or as run.py's --model.
    """
    submission = current()
    names = layers if isinstance(layers, str) else ",".join(layers)
    options = ["--steps", steps, "--temperature", temperature, "--seed", seed]
    options += ["--submission", submission.folder]
    options += ["--use_custom_layers", names] if names else []
    options += ["--use_kv_cache"] if kv_cache else []
    options += ["--top_k", top_k] if top_k is not None else []
    options += ["--model", model] if model else []
    if names:
        submission.file("gpt.cu")
    if kv_cache:
        submission.file("kv_cache.py")
    with screen() as out, running("mingpt.run", f"--prompt={prompt}", *options) as run:
        text = ""
        for piece in run.pieces():
            text += piece
            if text:
                out.pour(piece)
            else:
                out.work("Loading the model", run.seconds)
        failed = run.wait() != 0
        said = _said(run)
        if not text:
            raise Trouble(said or "The run ended without a word. Run the cell again.")
        out.drain(said)
    figures = re.findall(r"^([A-Za-z-]+) {2,}(.*)$", said, re.MULTILINE)
    return Written(text.rstrip("\n"), {} if failed else dict(figures))


def _said(run: Run) -> str:
    """Its figures, or what went wrong; of a wrong argument the reason alone."""
    errors = run.errors()
    usage = re.search(r"^run\.py: error: (?:argument --?)?(.*)\Z", errors, re.MULTILINE | re.DOTALL)
    return usage[1].replace("use_custom_layers", "layers") if usage else errors
