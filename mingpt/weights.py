"""From a safetensors file to a model.

    load("shakespeare")   the bundled model
    load("gpt2-medium")   from the local Hugging Face cache, else downloaded
    load("my/folder")     with config.json and model.safetensors, as save_pretrained writes them

Hugging Face stores GPT-2's matrices (in, out), from its Conv1D; ours are (out, in), transposed once
while loading.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from mingpt.errors import WeightsError
from mingpt.hub import DownloadError, fetch
from mingpt.model import GPT, PRESETS, GPTConfig
from mingpt.paths import PACKAGE
from mingpt.tokenizer import Tokenizer

BUNDLED = "shakespeare"
BUNDLED_FOLDER = PACKAGE / "bundled"

TRANSPOSED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
# In some files, and not weights: the causal mask of each block.
BUFFERS = re.compile(r"h\.\d+\.attn\.(masked_)?bias")


def load(
    name_or_path: str | Path = BUNDLED,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    say: Callable[[str], None] = lambda message: print(message, file=sys.stderr),
) -> tuple[GPT, Tokenizer]:
    """A model, ready to run, and its tokenizer. `model.name` tells which one it is.

    A name of Hugging Face's that is not on this machine and cannot be downloaded gives the bundled
    model instead, and says so through `say`. Raises WeightsError for all else: no such file, a
    damaged file, missing tensors, wrong shapes, not a GPT-2.
    """
    name = str(name_or_path)
    if name == BUNDLED:
        return _load(name, BUNDLED_FOLDER, device, dtype)
    if Path(name).exists():
        return _load(name, Path(name), device, dtype)
    if not _is_hub_name(name):
        raise WeightsError(
            f"There is no model {name!r}, and no such file or folder.\n"
            f"Try {BUNDLED} (bundled), {', '.join(PRESETS)}, or a path."
        )
    try:
        folder = fetch(name, say)
    except DownloadError as e:
        say(f"{e}\nGoing on with the bundled model ({BUNDLED}) instead.")
        return _load(BUNDLED, BUNDLED_FOLDER, device, dtype)
    return _load(name, folder, device, dtype)


def untrained(size: dict, seed: int) -> GPT:
    """A model of a size (what GPTConfig takes, by name) with random weights, on the CPU.

    The same weights for the same seed, in every process with the same torch.
    """
    torch.manual_seed(seed)
    return GPT(GPTConfig(**size)).eval().requires_grad_(False)


def _is_hub_name(name: str) -> bool:
    return (
        name in PRESETS or re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", name) is not None
    )


def _load(name: str, path: Path, device, dtype: torch.dtype) -> tuple[GPT, Tokenizer]:
    folder = path if path.is_dir() else path.parent
    tensors = _read_tensors(_safetensors_files(path), device, dtype)
    config_file = folder / "config.json"
    config = _read_config(config_file) if config_file.is_file() else _guess_config(tensors, path)
    tokenizer = _tokenizer(folder, config)

    with torch.device("meta"):  # no memory yet: the tensors from the file become the parameters
        model = GPT(config)
    _check(tensors, model, path)
    model.load_state_dict(tensors, assign=True)
    model.name = name
    return model.eval().requires_grad_(False), tokenizer


def _safetensors_files(path: Path) -> list[Path]:
    """The file itself; or the folder's model.safetensors, or the parts it was split into."""
    if path.is_file():
        if path.suffix != ".safetensors":
            raise WeightsError(f"{path} is not a .safetensors file: no other kind is read.")
        return [path]
    if (path / "model.safetensors").is_file():
        return [path / "model.safetensors"]
    if parts := sorted(path.glob("model-*-of-*.safetensors")):
        expected = int(re.search(r"-of-(\d+)", parts[0].name)[1])
        if len(parts) != expected:
            raise WeightsError(f"{path} has only {len(parts)} of the model's {expected} parts.")
        return parts
    hint = ""
    if (path / "pytorch_model.bin").is_file():
        hint = "\nIts pytorch_model.bin is not read: loading such a file can run any program."
    raise WeightsError(f"There is no model.safetensors in {path}.{hint}")


def _read_tensors(files: list[Path], device, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """All weights by our names, on the device, matrices turned to (out, in)."""
    tensors = {}
    for file in files:
        try:
            with safe_open(file, framework="pt", device=str(device)) as f:
                for name in f.keys():  # noqa: SIM118 (not a dict)
                    short = name.removeprefix("transformer.")
                    if BUFFERS.fullmatch(short):
                        continue
                    tensor = f.get_tensor(name).to(dtype)
                    if short.endswith(TRANSPOSED) and tensor.dim() == 2:
                        tensor = tensor.t().contiguous()
                    tensors[name if short == "lm_head.weight" else f"transformer.{short}"] = tensor
        except SafetensorError as e:
            raise WeightsError(
                f"{file} is damaged or not a safetensors file ({e}).\nDownload or copy it again."
            ) from None
        except OSError as e:
            raise WeightsError(f"{file} cannot be read: {e}.") from None

    # The lm_head is the token embedding. Some files have it twice; one with two different ones
    # would be another model.
    head, wte = tensors.pop("lm_head.weight", None), tensors.get("transformer.wte.weight")
    if head is not None and wte is not None and not torch.equal(head, wte):
        raise WeightsError(f"{files[0]} has an lm_head that differs from wte: not a GPT-2.")
    return tensors


def _read_config(path: Path) -> GPTConfig:
    """config.json, with Hugging Face's names."""
    try:
        raw = json.loads(path.read_text("utf-8"))
        model_type = raw.get("model_type", "gpt2")
        if model_type != "gpt2":
            raise WeightsError(f"{path} is of a {model_type!r} model: only GPT-2 is read.")
        config = GPTConfig(
            n_layer=int(raw["n_layer"]),
            n_head=int(raw["n_head"]),
            n_embd=int(raw["n_embd"]),
            vocab_size=int(raw["vocab_size"]),
            block_size=int(raw.get("n_positions") or raw["n_ctx"]),
            eps=float(raw.get("layer_norm_epsilon", 1e-5)),
        )
    except KeyError as e:
        raise WeightsError(f"{path} lacks {e}: not a GPT-2's.") from None
    except (OSError, ValueError, TypeError, AttributeError) as e:
        raise WeightsError(f"{path} is damaged: {e}.") from None
    # What GPT-2 fixes and the format leaves open.
    for key, allowed in {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
        "n_inner": (None, 4 * config.n_embd),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "tie_word_embeddings": (True,),
    }.items():
        if key in raw and raw[key] not in allowed:
            raise WeightsError(f"{path} has {key} = {raw[key]!r}: GPT-2 has {allowed[-1]!r}.")
    return config


def _guess_config(tensors: dict[str, torch.Tensor], path: Path) -> GPTConfig:
    """A file with no config.json: all but the number of heads shows in the shapes."""
    try:
        vocab_size, n_embd = tensors["transformer.wte.weight"].shape
        block_size = tensors["transformer.wpe.weight"].shape[0]
    except (KeyError, ValueError):
        raise WeightsError(f"{path} has no wte.weight and wpe.weight: not a GPT-2.") from None
    n_layer = 0
    while f"transformer.h.{n_layer}.ln_1.weight" in tensors:
        n_layer += 1
    if n_embd % 64 or n_layer == 0:
        raise WeightsError(f"The number of heads of {path} is unknown: put its config.json there.")
    return GPTConfig(n_layer, n_embd // 64, n_embd, vocab_size, block_size)  # as all published


def _check(tensors: dict[str, torch.Tensor], model: GPT, path: Path) -> None:
    """Every parameter is there, in its shape, and nothing else."""
    expected = {name: tuple(p.shape) for name, p in model.named_parameters()}
    missing = [name for name in expected if name not in tensors]
    if len(missing) == len(expected):
        raise WeightsError(f"{path} has none of GPT-2's tensors: not a GPT-2.")
    if missing:
        raise WeightsError(f"{path} lacks {_some(missing)}: incomplete, or not this GPT-2.")
    if unknown := [name for name in tensors if name not in expected]:
        raise WeightsError(f"{path} has {_some(unknown)}, which this GPT-2 has not.")
    for name, shape in expected.items():
        found = tuple(tensors[name].shape)
        if found != shape:
            if name.endswith(TRANSPOSED):  # as the file has it
                found, shape = found[::-1], shape[::-1]
            raise WeightsError(
                f"{path}: {name} has the shape {found}, where config.json asks for {shape}."
            )


def _some(names: list[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more tensors" if len(names) > 1 else names[0]


def _tokenizer(folder: Path, config: GPTConfig) -> Tokenizer:
    """The folder's own vocab.tiktoken, else GPT-2's for a vocabulary that can be GPT-2's."""
    own = folder / "vocab.tiktoken"
    if own.is_file():
        return Tokenizer.from_file(own, config.vocab_size)
    tokenizer = Tokenizer.gpt2()
    if config.vocab_size < tokenizer.n_vocab:
        raise WeightsError(
            f"{folder} has a vocabulary of {config.vocab_size} tokens, not GPT-2's "
            f"{tokenizer.n_vocab}: put its vocab.tiktoken there."
        )
    return tokenizer
