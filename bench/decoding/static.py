"""Our model with a KV-cache of fixed size, so that a step has the same shapes at each position.

Such a step can be recorded as a CUDA graph, or compiled. The next one is queued before the id of
this one is read, as a server would: the GPU doesn't wait for the host to look.
"""

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.decoding.contestants import DTYPES, Contestant
from mingpt.model import GPT, layernorm


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
            torch._dynamo.mark_static_address(cache.k)  # or else no CUDA graph: they are written to
            torch._dynamo.mark_static_address(cache.v)
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
        on_gpu = device.type == "cuda"
        host = torch.empty(n, 1, 1, dtype=torch.int64, pin_memory=on_gpu)
        new = self.prefill(ids.to(device), torch.arange(T, device=device))
        for i in range(n):
            host[i].copy_(new, non_blocking=True)
            arrived = torch.cuda.current_stream().record_event() if on_gpu else None
            if i + 1 < n:
                if i == 0:
                    self.begin(new, T)
                new = self.step()
            if arrived:
                arrived.synchronize()
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
        self._compiled = torch.compile(
            self.static, mode="reduce-overhead", fullgraph=True, dynamic=False
        )

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
