"""The bundled model or a random one, with torch's layers or with a submission's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from grader.worker.counter import CountedLibrary, Counter, counted_ops
from mingpt import weights
from mingpt.kernels import CustomOps, KernelLibrary
from mingpt.ops import TorchOps

model = None
counter: Counter | None = None


def load_model(device: str, counted_by: str | None) -> tuple[dict, list]:
    """Load the model and run it once, so that later runs need no warming up.

    counted_by: the compiled counter.c; None: the layers' calls are not counted.
    """
    global model, counter
    torch.set_grad_enabled(False)
    # Two threads gain nothing on a model this small, and on a busy machine they wait for each
    # other: a tenth of the speed, and never the same twice.
    torch.set_num_threads(1)
    model, _ = weights.load(weights.BUNDLED, device=device)
    if counted_by:
        counter = Counter(counted_by)
        model.ops = _torch_ops()
    model.next_logits(torch.zeros((1, 1), dtype=torch.int64, device=device))
    return {}, []


def load_random(size: dict, seed: int) -> tuple[dict, list]:
    """In place of it the model that weights.untrained makes of these."""
    global model
    device = model.device
    model = None  # there need not be room for both
    model = weights.untrained(size, seed).to(device)
    model.ops = _torch_ops()
    return {}, []


def shorten(block_size: int) -> tuple[dict, list]:
    """The same model for shorter texts only: its last position then is near."""
    model.config = replace(model.config, block_size=block_size)
    wpe = model.transformer.wpe
    wpe.weight = torch.nn.Parameter(wpe.weight[:block_size].clone(), requires_grad=False)
    return {}, []


def use_kernels(path: str, layers: list[str]) -> tuple[dict, list]:
    """Replace torch's layers by a library's, those named only."""
    device = model.device.type
    if counter:
        library = CountedLibrary(Path(path), device, counter)
    else:
        library = KernelLibrary(Path(path), device)
    model.ops = CustomOps(library, tuple(layers), _torch_ops())
    return {}, []


def layer_calls() -> tuple[dict, list]:
    """The calls of layers since the last time: (rows, 5) int64, as Counter.take gives them."""
    return {}, [counter.take()]


def _torch_ops() -> TorchOps:
    return counted_ops(counter) if counter else TorchOps()


def logits(ids: np.ndarray) -> tuple[dict, list]:
    """ids (T) int64 -> logits (T, V) float32."""
    return {}, [model(tensor(ids))[0].float().cpu().numpy()]


def greedy(ids: np.ndarray, new_tokens: int) -> tuple[dict, list]:
    """The new ids (new_tokens) int64 that follow ids (T), the whole text fed for each."""
    text = tensor(ids)
    for _ in range(new_tokens):
        text = torch.cat([text, pick_best(model.next_logits(text))], dim=1)
    return {}, [text[0, ids.size :].cpu().numpy()]


def tensor(ids: np.ndarray) -> torch.Tensor:
    """ids (T) -> (1, T) on the model's device."""
    return torch.from_numpy(ids.copy())[None].to(model.device)


def pick_best(values: torch.Tensor) -> torch.Tensor:
    """logits (1, V) -> id (1, 1)"""
    return values.argmax(dim=-1, keepdim=True)
