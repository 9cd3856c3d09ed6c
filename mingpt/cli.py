"""What run.py and test.py share: their arguments, and how they end when something is wrong."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mingpt.errors import LabError
from mingpt.guard import INTERRUPTED, guarded
from mingpt.kernels import LAYERS
from mingpt.paths import default_submission

__all__ = ["INTERRUPTED", "add_common_arguments", "end", "layers", "main", "positive", "submission"]


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--submission",
        type=submission,
        default=default_submission(),
        metavar="DIR",
        help=f"the folder with gpt.cu and kv_cache.py (default: {default_submission().name})",
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda", "auto"),
        default="auto",
        help="where to run; auto takes an NVIDIA GPU if there is one, and nvcc (default: auto)",
    )


def submission(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}; try starter")
    return path


def layers(text: str) -> tuple[str, ...]:
    """'gelu,linear' -> ('gelu', 'linear'), in the order of the labs."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in LAYERS]:
        raise argparse.ArgumentTypeError(
            f"there is no layer {unknown[0]!r}; choose from {','.join(LAYERS)}"
        )
    if not names:
        raise argparse.ArgumentTypeError(f"name a layer: {','.join(LAYERS)}")
    return tuple(name for name in LAYERS if name in names)


def positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: it must be 1 or more")
    return number


def main(command: Callable[[Sequence[str] | None], int]) -> int:
    """The exit status of a command, whatever happens in it."""
    return guarded(lambda: end(command))


def end(command: Callable[[Sequence[str] | None], int]) -> int:
    """Runs a command in this process. Returns its exit status, 1 after a LabError."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal that lacks a character gets a "?"
    try:
        return command(None)
    except LabError as e:
        sys.stdout.flush()
        print(f"\n{e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `python run.py | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
