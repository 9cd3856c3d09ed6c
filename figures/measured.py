"""What docs/*.json have measured, and the sizes of GPT-2 124M that follow from its shape."""

from __future__ import annotations

import json
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"

# GPT-2 124M: L layers, nh heads of hs, C channels, V tokens, S positions.
L, NH, HS, V, S = 12, 12, 64, 50257, 1024
C = NH * HS
WEIGHTS = {  # of a decode step, elements: in a layer, and once
    "query, key, value": L * (3 * C * C + 3 * C),
    "projection": L * (C * C + C),
    "MLP: fc": L * (4 * C * C + 4 * C),
    "MLP: projection": L * (4 * C * C + C),
    "lm_head": V * C,
}


def read(name: str) -> dict:
    return json.loads((DOCS / name).read_text())


def ladder(prompt: int = 10) -> tuple[dict[str, dict], float]:
    """The rungs and peers measured with this prompt, by name; and bytes/s that can be read."""
    document = read("ladder.json")
    workload = next(w for w in document["workloads"] if w["prompt"] == prompt)
    return {r["name"]: r for r in workload["results"]}, document["ceilings"]["read"]


def relative_errors(model: str = "shakespeare") -> dict[str, float]:
    """The largest error of a logit of each rung's last path, over the largest logit."""
    found = next(m for m in read("accuracy.json")["models"] if m["name"] == model)
    return {
        r["name"]: max(path["relative_error"] for path in r["paths"].values())
        for r in found["rungs"]
    }
