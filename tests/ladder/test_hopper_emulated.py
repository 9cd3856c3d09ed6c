"""Rung 9's own kernel on a CPU, on emulated/machine.h's machine: a small model of GPT-2's width
against float64; and whatever comes early or late, the same bits."""

import ctypes
import shutil

import numpy as np
import pytest
import torch
from rungs import LADDER, random_gpt2

from mingpt.decoder import _describe
from mingpt.paths import INCLUDE, ROOT
from simt.build import build_library
from tests.whole import in_all, part

LAYERS, C, POSITIONS = 2, 768, 1024
# Of the lm_head's units that a block streams, as many as with 12 layers: the ring must go around.
UNITS = {"float": 32, "__nv_bfloat16": 31, "int8_t": 29}
VOCABULARY = 3000
TOLERANCE = {"float": 1e-5, "__nv_bfloat16": 3e-2, "int8_t": 6e-2}  # of the largest logit


@pytest.fixture(scope="module")
def model():
    """(ours, transformers' in float64)"""
    return random_gpt2(LAYERS, 12, C, VOCABULARY, POSITIONS)


class Emulated:
    """The kernel for a type of weights, built from `ladder`."""

    def __init__(self, weight: str, model, folder, ladder=LADDER):
        self.model = model
        source = (ROOT / "tests" / "ladder" / "emulated" / "kernel.cu").read_text()
        source = source.replace("../../../solutions/ladder", str(ladder))
        source = source.replace('"ptx.cuh"', f'"{ROOT}/tests/ladder/emulated/ptx.cuh"')
        defines = {"WEIGHT": weight, "HOPPER_LAYERS": LAYERS, "HOPPER_UNITS": UNITS[weight]}
        defines |= {"MORE_REGISTERS": 0, "HELPING_CLUSTERS": 1}
        lines = [f"#define {name} {value}" for name, value in defines.items()]
        (folder / "kernel.cu").write_text("\n".join(["#include <cuda_bf16.h>", *lines, source]))
        library = build_library(folder / "kernel.cu", include_dirs=[INCLUDE])
        self.library = ctypes.CDLL(str(library.path))
        self.library.emulated_open.restype = ctypes.c_void_p
        self.library.emulated_decode.restype = ctypes.c_char_p
        self.library.emulated_cache.restype = ctypes.c_void_p
        self.kept, structure = _describe(model)
        self.handle = ctypes.c_void_p(self.library.emulated_open(ctypes.byref(structure)))
        assert self.handle

    def decode(self, id: int, position: int, steps: int, seed: int, logits=None) -> list[int]:
        """The ids after `id`; or of one step, its logits (V)."""
        parts = self.model.transformer
        x = (parts.wte.weight[id] + parts.wpe.weight[position]).contiguous()
        ids = (ctypes.c_int * steps)()
        error = self.library.emulated_decode(
            *(self.handle, ctypes.c_void_p(x.data_ptr()), position, steps, ctypes.c_uint64(seed)),
            *(ids, ctypes.c_void_p(logits.data_ptr()) if logits is not None else None),
        )
        assert error is None, error
        return list(ids)

    def logits(self, id: int, position: int, seed: int) -> torch.Tensor:
        found = torch.full((VOCABULARY,), float("nan"))
        self.decode(id, position, 1, seed, found)
        return found

    def fill_cache(self, dtype) -> None:
        """Keys and values of all positions: random ones."""
        random = np.random.default_rng(0)
        for layer in range(LAYERS):
            for which in range(2):
                values = random.standard_normal(C * POSITIONS).astype(np.float32)
                if dtype != "float":
                    values = (values.view(np.uint32) >> 16).astype(np.uint16)
                to = self.library.emulated_cache(self.handle, layer, which)
                ctypes.memmove(to, values.tobytes(), values.nbytes)


@pytest.fixture(scope="module", params=part([*UNITS], "float"))
def emulated(request, model, tmp_path_factory):
    return request.param, Emulated(request.param, model[0], tmp_path_factory.mktemp("emulated"))


def test_a_text_from_its_first_token_on(emulated, model):
    """Logits of each step, and ids that a launch of several steps gives."""
    weight, kernel = emulated
    ids = [7]
    for position in range(3):
        got = kernel.logits(ids[-1], position, seed=position)
        want = model[1](torch.tensor([ids])).logits[0, -1]
        assert (got - want).abs().max() / want.abs().max() < TOLERANCE[weight]
        ids.append(int(got.argmax()))
    assert kernel.decode(7, 0, 3, seed=50) == ids[1:]


def test_what_comes_early_or_late_changes_nothing(emulated):
    weight, kernel = emulated
    kernel.fill_cache(weight)
    for position in (505, 1000):
        first = kernel.logits(7, position, seed=1)
        assert torch.isfinite(first).all()
        for seed in (2, 3):
            assert torch.equal(kernel.logits(7, position, seed), first)


MISTAKES = {  # in which file, what, and what instead
    "no wait for query, key and value": (
        "layer.cuh",
        "    await(a, me, QKV_HERE, parity(layer));\n",
        "",
    ),
    "no barrier before the warps' sums are added up": (
        "layer.cuh",
        "    meet_all();\n    mark(a, me, step, layer, 2);\n",
        "",
    ),
    "tags that nobody looks at": (
        "exchange.cuh",
        "return !WITH_CHAIN || !__any_sync(0xffffffff, lowest_bit(late));",
        "return true;",
    ),
    "a slot is free before its weights are in registers": (
        "layer.cuh",
        "    if (REGISTERS_AHEAD) {\n      load_tiles(fc, weights, me.lane);\n"
        "      ring.free_slots(me, ring.slot, PHASE_SLOTS);\n",
        "    if (REGISTERS_AHEAD) {\n      ring.free_slots(me, ring.slot, PHASE_SLOTS);\n"
        "      load_tiles(fc, weights, me.lane);\n",
    ),
    "an exchange's next phase begins too late": (
        "layer.cuh",
        "if (tid < EXCHANGES) expect_next(me, tid);",
        "if (tid < EXCHANGES && tid != PARTS_HERE) expect_next(me, tid);",
    ),
}


@pytest.mark.parametrize("mistake", part([*MISTAKES], "no wait for query, key and value"))
def test_a_mistake_shows(mistake, model, tmp_path):
    """What is tested above can fail: one of a few runs ends in an error, or gives other logits."""
    file, line, instead = MISTAKES[mistake]
    shutil.copytree(LADDER, tmp_path / "ladder")
    source = tmp_path / "ladder" / "9_hopper" / file
    assert source.read_text().count(line) == 1
    source.write_text(source.read_text().replace(line, instead))
    kernel = Emulated("float", model[0], tmp_path, tmp_path / "ladder")
    want = model[1](torch.tensor([[7]])).logits[0, -1]
    with pytest.raises(AssertionError):
        for seed in range(10):
            got = kernel.logits(7, 0, seed)
            assert (got - want).abs().max() / want.abs().max() < TOLERANCE["float"]


@in_all
def test_copies_that_end_in_any_order(tmp_path):
    """int8's warps share slots in the lm_head: each sees that the last one has used it."""
    model = random_gpt2(LAYERS, 12, C, 44600, 64)[0]
    kernel = Emulated("int8_t", model, tmp_path)
    first = kernel.decode(7, 0, 1, 0)
    assert all(kernel.decode(7, 0, 1, seed) == first for seed in range(1, 20))
