"""Numbers for people."""

from __future__ import annotations


def size(number: float) -> str:
    """Bytes: "138.5 MB"."""
    return _scaled(number, ("bytes", "KB", "MB", "GB", "TB"))


def rate(flops: float) -> str:
    """Floating-point operations a second: "750 GFLOP/s"."""
    return _scaled(flops, ("flop/s", "KFLOP/s", "MFLOP/s", "GFLOP/s", "TFLOP/s"), digits=3)


def count(number: float) -> str:
    """Whole: "131,072"."""
    return f"{number:,.0f}"


def short(number: float) -> str:
    """ "131,072", "12.6 M"."""
    if number < 1e6:
        return f"{number:,.0f}"
    return f"{number / 1e9:.3g} G" if number >= 1e9 else f"{number / 1e6:.3g} M"


def plural(number: int, word: str) -> str:
    """ "1 launch", "2 launches"."""
    ending = "" if number == 1 else "es" if word.endswith(("ch", "s")) else "s"
    return f"{number:,} {word}{ending}"


def _scaled(number: float, units: tuple[str, ...], digits: int = 4) -> str:
    for unit in units[:-1]:
        if number < 999.95:
            return f"{number:.{digits}g} {unit}"
        number /= 1000
    return f"{number:.{digits}g} {units[-1]}"
