"""Rung 3: a KV-cache. The prompt is fed once, then one token a step.

Idea      Past keys and values never change: keep them.
Expected  Without a cache, step t computes t tokens. With one it computes a single one: over 500
          tokens 250 times less arithmetic. What is left is reading the weights.
Measured  35 tokens/s (H100 80GB, GPT-2 124M, prompt 10 + 500 tokens): slower than rung 2! With
          torch's layers the same cache gains. But our tiled linear, with m = 1, has 32 threads in a
          block, and each loads a whole tile: 0.6 ms a call. That is what rung 4 is about.
"""

from pathlib import Path

from mingpt.submission import load_kv_cache

_reference = load_kv_cache(Path(__file__).parents[2])
KVCache, generate = _reference.KVCache, _reference.generate
