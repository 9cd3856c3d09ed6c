"""Still without a cache: rung 0's loop."""

from pathlib import Path

from mingpt.submission import load_kv_cache

generate = load_kv_cache(Path(__file__).parents[1] / "0_seed_loop").generate
