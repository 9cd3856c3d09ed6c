"""What others do for the same model: the peers of bench/decode.py.

Hugging Face eager     transformers' generate, with its growing cache
Hugging Face compiled  the same with its static cache, which generate compiles (reduce-overhead)
CUDA graph             our model with a static cache, prefill and step recorded and replayed
torch.compile          the same step by torch.compile(mode="reduce-overhead"), prefill eager
"""

from bench.decoding.contestants import DTYPES, Contestant
from bench.decoding.huggingface import HuggingFace
from bench.decoding.static import CompiledPeer, GraphPeer


def peers(device: str, compiled: bool = True) -> list[Contestant]:
    """All peers that run on the device; without those that compile where `compiled` is False."""
    if device == "cpu":
        return [HuggingFace("fp32", False)]
    found: list[Contestant] = []
    for dtype in DTYPES:
        found += [HuggingFace(dtype, False), GraphPeer("cuda_graph", "CUDA graph", dtype)]
        if compiled:
            found += [HuggingFace(dtype, True), CompiledPeer("compile", "torch.compile", dtype)]
    return found
