"""Where a grading took place: what a reader needs in order to compare two results."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime

from grader.isolation import choice


def describe(device: str, seed: int) -> dict:
    """The document's "environment": device, versions, seed, date, isolation."""
    names = ("mingpt-lab", "torch", "numpy", "tiktoken", "safetensors")
    versions = {"python": platform.python_version(), "compiler": _compiler(device)}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    level = choice.in_force(device)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device,
        "device_name": _cpu_name() if device == "cpu" else _gpu_name(),
        "cores": (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        ),
        "platform": platform.platform(),
        "versions": versions,
        "seed": str(seed),  # as text: JSON's numbers are too short for it
        "isolation": level.description,
        "isolation_reason": level.reason,  # for not being stronger
    }


def choose_device(wanted: str) -> str:
    """What "auto" stands for: cuda where there is a GPU and nvcc, else cpu.

    Raises DeviceError for "cuda" with no GPU.
    """
    if wanted == "cpu" or (wanted == "auto" and not shutil.which("nvcc")):
        return "cpu"  # without importing torch
    from mingpt.kernels import pick_device

    return pick_device(wanted)


def _cpu_name() -> str:
    if sys.platform == "linux":
        try:
            with open("/proc/cpuinfo", encoding="utf-8") as file:
                for line in file:
                    if line.startswith("model name"):
                        return line.split(":", 1)[1].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()


def _gpu_name() -> str:
    return _first_line(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])


def _compiler(device: str) -> str:
    if device == "cuda":
        return _first_line(["nvcc", "--version"], line=-1)
    return _first_line([os.environ.get("CXX") or "g++", "--version"])


def _first_line(command: list[str], line: int = 0) -> str:
    """A line of what a command prints, "" if it can't be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.strip().splitlines()[line]
    except (OSError, subprocess.SubprocessError, IndexError):
        return ""
