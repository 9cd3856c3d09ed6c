"""What others do for the same model: the peers of bench/decode.py.

    Hugging Face          transformers' generate, with its growing cache
    Hugging Face, static  the same with a static cache, which generate compiles (reduce-overhead)
    CUDA graph            our model with a static cache, a step recorded and replayed
    torch.compile         the same step by torch.compile(mode="reduce-overhead"), prefill eager

Those with a static cache queue the next step before they read the id of this one, as a server
would: the GPU doesn't wait for the host to look.
"""

import copy
import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.decoding.contestants import DTYPES, Contestant, Run
from mingpt.model import GPT, layernorm
from mingpt.weights import TRANSPOSED


class LayerCache(nn.Module):
    """The keys and values of one layer, (1, nh, S, hs) each, at fixed addresses."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.register_buffer("k", torch.zeros(shape))
        self.register_buffer("v", torch.zeros(shape))


class StaticGPT(nn.Module):
    """A GPT with a KV-cache of S tokens, whose decode step has the same shapes at each position."""

    def __init__(self, gpt: GPT, size: int):
        super().__init__()
        self.gpt = gpt
        c = gpt.config
        shape = (1, c.n_head, size, c.head_size)
        self.caches = nn.ModuleList(LayerCache(shape) for _ in range(c.n_layer))
        self.register_buffer("columns", torch.arange(size), persistent=False)
        for cache in self.caches:
            cache.to(gpt.device, gpt.dtype)
        self.columns = self.columns.to(gpt.device)

    def forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        """The likeliest next id (1, 1), after ids (1, T) at positions (T).

        T > 1 is a prefill, from position 0 on.
        """
        ops, parts = self.gpt.ops, self.gpt.transformer
        mask = self.columns <= positions[:, None]  # (T, S)
        x = parts.wte(ids) + parts.wpe(positions)  # (1, T, C)
        for block, cache in zip(self.gpt.blocks, self.caches, strict=True):
            x = x + self._attention(
                block.attn, layernorm(ops, block.ln_1, x), positions, mask, cache
            )
            x = x + block.mlp(layernorm(ops, block.ln_2, x), ops)
        x = layernorm(ops, parts.ln_f, x[:, -1])  # (1, C)
        logits = F.linear(x, parts.wte.weight)  # (1, V)
        return logits.argmax(dim=-1, keepdim=True)

    def _attention(self, attn, x: Tensor, positions: Tensor, mask: Tensor, cache) -> Tensor:
        _, T, C = x.shape
        qkv = attn.c_attn(x).view(1, T, 3, attn.n_head, C // attn.n_head)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (1, nh, T, hs)
        cache.k.index_copy_(2, positions, k)
        cache.v.index_copy_(2, positions, v)
        if T > 1:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            y = F.scaled_dot_product_attention(q, cache.k, cache.v, attn_mask=mask)
        return attn.c_proj(y.transpose(1, 2).reshape(1, T, C))


class StaticPeer(Contestant):
    """Our model with a static cache. Subclasses say how a step is launched."""

    def __init__(self, name: str, label: str, dtype: str):
        self.name, self.label, self.dtype = f"{name}_{dtype}", label, dtype

    def open(self, model: GPT, longest: int) -> None:
        self.model = copy.deepcopy(model).to(DTYPES[self.dtype])
        self.bytes_per_step = self.model.bytes_per_step
        self.static = StaticGPT(self.model, longest)

    def prefill(self, ids: Tensor, positions: Tensor) -> Tensor:
        return self.static(ids, positions)

    def begin(self, new: Tensor, position: int) -> None:
        """The next step feeds `new` (1, 1) at `position`."""
        raise NotImplementedError

    def step(self) -> Tensor:
        """Feeds the id that was picked last: the next, (1, 1), on the device."""
        raise NotImplementedError

    def generate(self, ids: Tensor, n: int) -> Iterator[int]:
        device, T = self.model.device, ids.shape[1]
        host = torch.empty(n, 1, 1, dtype=torch.int64, pin_memory=device.type == "cuda")
        arrived = [torch.cuda.Event() for _ in range(n)] if device.type == "cuda" else None
        new = self.prefill(ids.to(device), torch.arange(T, device=device))
        for i in range(n):
            host[i].copy_(new, non_blocking=True)
            if arrived:
                arrived[i].record()
            if i + 1 < n:
                if i == 0:
                    self.begin(new, T)
                new = self.step()
            if arrived:
                arrived[i].synchronize()
            yield int(host[i])

    def close(self) -> None:
        self.static = self.model = None


class EagerPeer(StaticPeer):
    """Each operation launched by Python."""

    def begin(self, new: Tensor, position: int) -> None:
        self._new, self._position = new, torch.tensor([position], device=new.device)

    def step(self) -> Tensor:
        self._new = self.static(self._new, self._position)
        self._position = self._position + 1
        return self._new


class CompiledPeer(EagerPeer):
    """The decode step by torch.compile."""

    def open(self, model: GPT, longest: int) -> None:
        super().open(model, longest)
        torch._dynamo.reset()  # not the guards and recompile limits of what was compiled before
        self._compiled = torch.compile(self.static, mode="reduce-overhead", fullgraph=True)

    def step(self) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        self._new = self._compiled(self._new, self._position).clone()  # the next step overwrites it
        self._position = self._position + 1
        return self._new

    def close(self) -> None:
        self._compiled = None
        super().close()


class GraphPeer(StaticPeer):
    """Prefill and decode step recorded as CUDA graphs: one launch each."""

    def open(self, model: GPT, longest: int) -> None:
        super().open(model, longest)
        device = self.model.device
        self._prefills: dict[int, tuple] = {}  # by the length of the prompt
        self._ids = torch.zeros(1, 1, dtype=torch.int64, device=device)
        self._position = torch.zeros(1, dtype=torch.int64, device=device)

        def step() -> None:
            self._ids.copy_(self.static(self._ids, self._position))
            self._position.add_(1)

        self._graph = record(step)

    def prefill(self, ids: Tensor, positions: Tensor) -> Tensor:
        T = ids.shape[1]
        if T not in self._prefills:
            fed, out = ids.clone(), torch.zeros(1, 1, dtype=torch.int64, device=ids.device)
            self._prefills[T] = (
                record(lambda: out.copy_(self.static(fed, positions))),
                *(fed, positions, out),  # kept: the graph uses their memory
            )
        graph, fed, _, out = self._prefills[T]
        fed.copy_(ids)
        graph.replay()
        return out

    def begin(self, new: Tensor, position: int) -> None:
        self._ids.copy_(new)
        self._position.fill_(position)

    def step(self) -> Tensor:
        self._graph.replay()
        return self._ids

    def close(self) -> None:
        self._graph, self._prefills = None, {}
        super().close()


def record(function) -> torch.cuda.CUDAGraph:
    """The work of function() as a CUDA graph, after three calls to warm up."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            function()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph


class HuggingFace(Contestant):
    """transformers' generate. static: with a static cache, whose decode step it compiles."""

    def __init__(self, dtype: str, static: bool):
        self.name = f"huggingface{'_static' if static else ''}_{dtype}"
        self.label = "Hugging Face compiled" if static else "Hugging Face eager"
        self.dtype, self._static = dtype, static

    def open(self, model: GPT, longest: int) -> None:
        self.model, self._theirs = model, to_hugging_face(model).to(DTYPES[self.dtype])
        self.bytes_per_step = model.bytes_per_step * DTYPES[self.dtype].itemsize // 4
        if self._static:  # compiled once, for the longest text: the cache never shrinks again
            self.run(torch.zeros(1, longest - 16, dtype=torch.int64), 16)

    def run(self, ids: Tensor, n: int) -> Run:
        from transformers import GenerationConfig

        config = GenerationConfig(
            max_new_tokens=n,
            do_sample=False,
            use_cache=True,
            eos_token_id=None,
            pad_token_id=0,
            cache_implementation="static" if self._static else None,
        )
        device = self.model.device
        if device.type == "cuda":
            torch.cuda.synchronize()
        arrivals = Arrivals()
        fed = ids.to(device)
        self._theirs.generate(
            fed, attention_mask=torch.ones_like(fed), generation_config=config, streamer=arrivals
        )
        return Run(arrivals.ids, arrivals.seconds)

    def close(self) -> None:
        self._theirs = None


class Arrivals:
    """A streamer, as generate takes one: notes each id and when it came."""

    def __init__(self):
        self.ids: list[int] = []
        self.seconds: list[float] = []
        self._last: float = time.perf_counter()
        self._prompt = True

    def put(self, value: Tensor) -> None:
        if self._prompt:  # it comes first
            self._prompt = False
            return
        self.ids += [int(i) for i in value.flatten()]
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now

    def end(self) -> None:
        """Nothing to do."""


def to_hugging_face(model: GPT):
    """The same model as transformers' GPT2LMHeadModel, with weights of its own."""
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    c = model.config
    config = GPT2Config(
        vocab_size=c.vocab_size,
        n_positions=c.block_size,
        n_embd=c.n_embd,
        n_layer=c.n_layer,
        n_head=c.n_head,
        layer_norm_epsilon=c.eps,
        bos_token_id=None,
        eos_token_id=None,
    )
    theirs = GPT2LMHeadModel(config).eval().requires_grad_(False).to(model.device)
    own = dict(model.named_parameters())
    for name, parameter in theirs.transformer.named_parameters():
        weight = own[f"transformer.{name}"]
        parameter.copy_(weight.t() if name.endswith(TRANSPOSED) else weight)
    return theirs


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
