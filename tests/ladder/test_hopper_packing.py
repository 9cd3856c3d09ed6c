"""Rung 9's folded and packed weights, multiplied as the PTX ISA says that an mma does it, against
layernorm and linear in float64. On the CPU, a small model of GPT-2's width."""

import ctypes

import numpy as np
import pytest
import torch
from rungs import BF16, INT8, random_gpt2

from mingpt.decoder import _describe
from mingpt.paths import INCLUDE, ROOT
from simt.build import build_library
from tests.whole import part

LAYERS, UNITS, VOCABULARY, C = 2, 1, 1900, 768
BLOCKS, LAYER_BLOCKS, PHASE, UNIT = 120, 96, 24576, 16 * C
TYPES = {"float": (np.float32, 1e-6), "__nv_bfloat16": (np.uint16, BF16), "int8_t": (np.int8, INT8)}
NAMES = ("qkv", "attn_proj", "fc", "proj", "lm_head")


class _Packed(ctypes.Structure):
    """Packed of shape.cuh."""

    _fields_ = (
        ("stream", ctypes.c_void_p),
        *((f"{name}_{part}", ctypes.c_void_p) for name in NAMES for part in ("bias", "scale")),
        ("wte_mean", ctypes.c_void_p),
        ("wpe_mean", ctypes.c_void_p),
    )


def array(address: int, shape: tuple[int, ...], dtype=np.float32) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype).reshape(shape)


@pytest.fixture(scope="module")
def model():
    return random_gpt2(LAYERS, 12, C, VOCABULARY, 40)[0]


@pytest.fixture(scope="module", params=part([*TYPES], "float", "int8_t"))
def packed(request, model, tmp_path_factory):
    """The type's name, and its arrays: blocks' streams, biases, scales."""
    name, (dtype, _) = request.param, TYPES[request.param]
    source = tmp_path_factory.mktemp("pack") / "pack.cu"
    defines = (
        f"#define WEIGHT {name}\n#define HOPPER_LAYERS {LAYERS}\n#define HOPPER_UNITS {UNITS}\n"
    )
    here = ROOT / "tests" / "ladder" / "pack.cu"
    # simt rewrites what is included with quotes and found beside a file
    text = here.read_text().replace("../../solutions", str(ROOT / "solutions"))
    source.write_text("#include <cuda_bf16.h>\n" + defines + text)
    library = ctypes.CDLL(str(build_library(source, include_dirs=[INCLUDE]).path))
    kept, structure = _describe(model)
    found = _Packed()
    assert library.pack_model(ctypes.byref(structure), ctypes.byref(found)) == 1
    each = LAYERS * 3 * PHASE + UNITS * UNIT
    stream = array(found.stream, (LAYER_BLOCKS * each + (BLOCKS - LAYER_BLOCKS) * UNIT,), dtype)
    rows = dict(zip(NAMES, (3 * C, C, 4 * C, C, VOCABULARY), strict=True))
    vectors = {}
    for key, n in rows.items():
        shape = (1 if key == "lm_head" else LAYERS, n)
        vectors[f"{key}_bias"] = array(getattr(found, f"{key}_bias"), shape)
        scale = getattr(found, f"{key}_scale")
        vectors[f"{key}_scale"] = array(scale, shape) if scale else np.ones(shape, np.float32)
    vectors["wte_mean"] = array(found.wte_mean, (VOCABULARY,))
    slot = 12288 if name == "int8_t" else 6144  # what blocks copy at once lies side by side
    slots = stream[: LAYER_BLOCKS * each].reshape(-1, LAYER_BLOCKS, slot)
    blocks = slots.swapaxes(0, 1).reshape(LAYER_BLOCKS, each)
    helpers = stream[LAYER_BLOCKS * each :].reshape(-1, UNIT)
    return name, kept, blocks, helpers, vectors


def values(a: np.ndarray) -> np.ndarray:
    """Weights as float64."""
    if a.dtype == np.uint16:
        return (a.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if a.dtype == np.int8:  # 128 more, without a sign
        return a.view(np.uint8).astype(np.float64) - 128
    return a.astype(np.float64)


def registers(tiles: np.ndarray, per_lane: int) -> np.ndarray:
    """(..., 32 lanes, registers, 2) of tiles (..., 32 * per_lane), as an mma has A."""
    lanes = tiles.reshape(*tiles.shape[:-1], 32, per_lane // 4, 2, 2)
    return values(lanes).reshape(*tiles.shape[:-1], 32, per_lane // 2, 2)


def matrices(tiles: np.ndarray) -> np.ndarray:
    """(..., 16, 16): the matrices that the tiles (..., 256) stand for, columns in x's order."""
    found = np.empty((*tiles.shape[:-1], 16, 16))
    if tiles.dtype == np.float32:  # no mma: 16 bytes a lane, of row lane / 4, then of 8 rows below
        return values(tiles).reshape(*tiles.shape[:-1], 2, 8, 16).reshape(found.shape)
    a = registers(tiles, 8)
    for lane in range(32):
        group, quad = divmod(lane, 4)
        for register in range(4):
            row = group + 8 * (register % 2)
            # Columns 2 quad (+ 8) of A meet what x's lane has there: elements 4 quad (+ 2).
            column = 4 * quad + 2 * (register // 2)
            found[..., row, column : column + 2] = a[..., lane, register, :]
    return found


def halves(tiles: np.ndarray) -> np.ndarray:
    """(..., 4, 8, 16), of four tiles of 8 rows (..., 512)."""
    shape = (*tiles.shape[:-1], 4, 8, 16)
    if tiles.dtype == np.float32:
        return values(tiles).reshape(shape)
    found = np.empty(shape)
    pairs = registers(tiles.reshape(*tiles.shape[:-1], 2, 256), 8)  # (..., 2, lanes, 4, 2)
    for lane in range(32):
        group, quad = divmod(lane, 4)
        for register in range(4):
            for pair in range(2):
                column = 4 * quad + 2 * (register % 2)
                at = (..., 2 * pair + register // 2, group, slice(column, column + 2))
                found[at] = pairs[..., pair, lane, register, :]
    return found


def normalised(x: np.ndarray, weight, bias) -> np.ndarray:
    centred = x - x.mean()
    return centred / np.sqrt((centred**2).mean() + 1e-5) * weight.numpy() + bias.numpy()


def close(got, want, name):
    """Errors of rounded weights add up like a random walk; of int8, relative to a row's largest."""
    error = np.abs(got - want).max() / np.abs(want).max()
    assert error <= 8 * TYPES[name][1], error


@pytest.fixture(scope="module")
def x():
    x = np.random.default_rng(1).standard_normal(C)
    return x - x.mean()  # as the kernel keeps it


def factor(x: np.ndarray) -> float:
    return 1 / np.sqrt((x**2).mean() + 1e-5)


@pytest.mark.parametrize("layer", range(LAYERS))
def test_query_key_value(packed, model, x, layer):
    name, _, blocks, _, vectors = packed
    start = layer * 3 * PHASE
    warps = blocks[:, start : start + 18432].reshape(12, 8, 12, 1536)  # head, rank, warp
    columns = x.reshape(12, 4, 16)  # warp, tile
    two = matrices(warps[..., :1024].reshape(12, 8, 12, 4, 256))
    query_key = np.einsum("hrwtij,wtj->hri", two, columns)
    value = np.einsum("hrwtij,wtj->hri", halves(warps[..., 1024:]), columns)
    sums = np.stack([query_key[..., :8], query_key[..., 8:], value]).reshape(-1)
    got = sums * factor(x) * vectors["qkv_scale"][layer] + vectors["qkv_bias"][layer]
    b = model.blocks[layer]
    weight, bias = b.attn.c_attn.weight.double().numpy(), b.attn.c_attn.bias.double().numpy()
    close(got, weight @ normalised(x, b.ln_1.weight, b.ln_1.bias) + bias, name)


@pytest.mark.parametrize("layer", range(LAYERS))
def test_fc(packed, model, x, layer):
    name, _, blocks, _, vectors = packed
    start = (layer * 3 + 1) * PHASE
    tiles = blocks[:, start : start + PHASE].reshape(96, 12, 2, 4, 256)  # block, warp, rows, tile
    sums = np.einsum("bwrtij,wtj->bri", matrices(tiles), x.reshape(12, 4, 16)).reshape(-1)
    got = sums * factor(x) * vectors["fc_scale"][layer] + vectors["fc_bias"][layer]
    b = model.blocks[layer]
    weight, bias = b.mlp.c_fc.weight.double().numpy(), b.mlp.c_fc.bias.double().numpy()
    close(got, weight @ normalised(x, b.ln_2.weight, b.ln_2.bias) + bias, name)


@pytest.mark.parametrize("layer", range(LAYERS))
@pytest.mark.parametrize("kind", ["attn_proj", "proj"])
def test_projections(packed, model, kind, layer):
    """Partial sums of each cluster's inputs; all of them, with a mean of 0."""
    name, _, blocks, _, vectors = packed
    if kind == "attn_proj":
        start, tiles, linear = layer * 3 * PHASE + 18432, 4, model.blocks[layer].attn.c_proj
    else:
        start, tiles, linear = (layer * 3 + 2) * PHASE, 16, model.blocks[layer].mlp.c_proj
    each = 6 * tiles * 256
    inputs = np.random.default_rng(2).standard_normal(12 * tiles * 16)
    weights = matrices(blocks[:, start : start + each].reshape(12, 8, 6, tiles, 256))
    by_cluster = np.einsum("hrwtij,htj->hrwi", weights, inputs.reshape(12, tiles, 16))
    sums = by_cluster.reshape(12, C).sum(0) * vectors[f"{kind}_scale"][layer]
    got = sums + vectors[f"{kind}_bias"][layer]
    want = linear.weight.double().numpy() @ inputs + linear.bias.double().numpy()
    close(got, want - want.mean(), name)


def test_lm_head(packed, model, x):
    name, _, blocks, helpers, vectors = packed
    units = np.concatenate([blocks[:, -UNIT:], helpers]).reshape(BLOCKS, 48, 256)
    sums = np.einsum("utij,tj->ui", matrices(units), x.reshape(48, 16)).reshape(-1)
    got = sums[:VOCABULARY] * factor(x) * vectors["lm_head_scale"][0] + vectors["lm_head_bias"][0]
    parts = model.transformer
    wte = parts.wte.weight.double().numpy()
    close(got, wte @ normalised(x, parts.ln_f.weight, parts.ln_f.bias), name)
    assert np.all(sums[VOCABULARY:] == 0)  # rows that are not there


def test_means(packed, model):
    wte = model.transformer.wte.weight.double().numpy()
    np.testing.assert_allclose(packed[-1]["wte_mean"], wte.mean(1), atol=1e-7)


def test_a_mean_of_0_changes_no_layer(model):
    """What folding rests on: x less its mean goes through a layernorm as x does."""
    x = torch.randn(5, C, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    norm = torch.nn.functional.layer_norm
    torch.testing.assert_close(norm(x, (C,)), norm(x - x.mean(1, keepdim=True), (C,)))
