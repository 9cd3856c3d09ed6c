"""The machine that is measured: what it is, how warm it is, and what its memory can do."""

import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata

import torch

from mingpt.errors import DeviceError, LabError

STATE = {  # nvidia-smi's names of what a GPU does at the moment
    "sm_clock_mhz": "clocks.sm",
    "memory_clock_mhz": "clocks.mem",
    "temperature_c": "temperature.gpu",
    "power_w": "power.draw",
}


def pick(device: str) -> str:
    """'cpu' or 'cuda'. Raises DeviceError where a GPU is meant and there is none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "This measures a GPU, and torch sees none here (torch.cuda.is_available() is False).\n"
            "Run it on a machine with an NVIDIA GPU and nvcc. To try the command out with the "
            "small\nbundled model: --device cpu. To remake tables from kept results: --from FILE."
        )
    return device


def machine(device: str) -> dict:
    """What a reader needs in order to compare two results: the device, versions, the date."""
    names = ("torch", "transformers", "triton")
    found = {
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "date": datetime.now(UTC).date().isoformat(),
    }
    if device == "cuda":
        found |= {"cuda": torch.version.cuda, "driver": _nvidia_smi("driver_version")}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def state(device: str) -> dict[str, float]:
    """Clocks, temperature and power at this moment; {} on a CPU, or where nobody tells."""
    if device != "cuda":
        return {}
    values = _nvidia_smi(",".join(STATE.values())).split(", ")
    try:
        return {key: float(value) for key, value in zip(STATE, values, strict=True)}
    except ValueError:
        return {}


def state_text(before: dict, after: dict) -> str:
    """'SM clock 1980 → 1755 MHz, 34 → 51 °C, ...', or that it isn't known."""
    if not before or not after:
        return "clocks and temperature not known"
    parts = (
        ("SM clock", "sm_clock_mhz", "MHz"),
        ("memory clock", "memory_clock_mhz", "MHz"),
        ("temperature", "temperature_c", "°C"),
        ("power", "power_w", "W"),
    )
    return ", ".join(f"{what} {before[k]:.0f} → {after[k]:.0f} {unit}" for what, k, unit in parts)


def _nvidia_smi(query: str) -> str:
    """A line of values of torch's first GPU; '' where there is no nvidia-smi."""
    command = ["nvidia-smi", f"--query-gpu=uuid,{query}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = [line.partition(", ") for line in done.stdout.strip().splitlines()]
    ours = str(getattr(torch.cuda.get_device_properties(0), "uuid", ""))
    mine = [values for uuid, _, values in lines if ours and ours in uuid]
    return (mine or [values for _, _, values in lines] or [""])[0]


def ceilings(device: str) -> dict[str, float]:
    """The bandwidth of memory, in bytes/s, each the median of 10 runs over a buffer of 4 GiB.

    read  sums of the buffer: the faster of two ways to add up
    copy  from one buffer to another, bytes read and written counted
    """
    size = 2**28 if device == "cpu" else 2**32
    if device == "cuda":
        size = min(size, torch.cuda.mem_get_info()[0] // 4 // 2**20 * 2**20)
    found = _bandwidths(size, device)
    if device == "cuda":
        torch.cuda.empty_cache()
    return found


def _bandwidths(size: int, device: str) -> dict[str, float]:
    x = torch.ones(size // 4, device=device)
    y = torch.empty_like(x)
    rows = x.view(-1, 4096)
    read = min(seconds(x.sum, device), seconds(lambda: rows.sum(1), device))
    copy = seconds(lambda: y.copy_(x), device)
    return {"read": size / read, "copy": 2 * size / copy}


def seconds(function: Callable[[], object], device: str, repeats: int = 10) -> float:
    """The median time of a call, on the device, after two to warm up."""
    for _ in range(2):
        function()
    return statistics.median(once(function, device) for _ in range(repeats))


def once(function: Callable[[], object], device: str) -> float:
    """The seconds that one call takes on the device."""
    if device == "cpu":
        start = time.perf_counter()
        function()
        return time.perf_counter() - start
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    function()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3


def has_crashed(device: str) -> bool:
    """Whether a kernel has ended the use of the GPU in this process. (It never recovers.)"""
    if device != "cuda":
        return False
    try:
        torch.cuda.synchronize()
        torch.zeros(1, device=device)
        return False
    except RuntimeError:
        return True


def reason(error: Exception) -> str:
    """Why something failed, in a line or a few: no traceback."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, LabError):
        return text
    lines = text.splitlines()
    return f"{type(error).__name__}: {lines[0]}"


def spread(values: list[float]) -> float:
    """The width of the middle half of the values, relative to their median."""
    if len(values) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle
