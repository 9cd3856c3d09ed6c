"""The checks, one module a topic. Importing this package registers them, in the order below."""

from grader.checks import build, kernels, memory, model  # isort: skip
from grader.checks import kv_cache, traffic, decoder  # isort: skip
from grader.checks import kernel_speed, speed  # isort: skip

__all__ = [
    "build",
    "decoder",
    "kernel_speed",
    "kernels",
    "kv_cache",
    "memory",
    "model",
    "speed",
    "traffic",
]
