"""What run.py and test.py share: their arguments, and how they end when something is wrong."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mingpt import cuda_errors
from mingpt.errors import AsynchronousError, LabError
from mingpt.guard import INTERRUPTED, forks, guarded
from mingpt.kernels import LAYERS
from mingpt.paths import default_submission

BLOCKING = "CUDA_LAUNCH_BLOCKING"  # CUDA's: with "1", a launch returns when its kernel is done
WHICH_KERNEL = 75  # an exit status between main and end

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
    """The exit status of a command, whatever happens in it.

    After a kernel that failed on a GPU, nobody knows which, it is run once more in a process of its
    own, where each launch waits for its kernel: the error then has a name.
    """
    parent = os.getpid()
    status = guarded(lambda: end(command))
    if os.getpid() != parent or status != WHICH_KERNEL:
        return status
    if not forks():  # it ran in this very process, which has lost its GPU
        return 1
    print("\nOnce more, waiting for each kernel, to see which it was ...", file=sys.stderr)
    os.environ[BLOCKING] = "1"
    status = guarded(lambda: _again(command))
    if os.getpid() == parent and status == 0:
        print(
            "This time it went well. Do kernels that run at the same time disturb each other? Does "
            "one read what\nnobody has written? See MINGPT_GUARD=0 compute-sanitizer --tool "
            "initcheck python run.py ...",
            file=sys.stderr,
        )
        return 1
    return status


def _again(command: Callable[[Sequence[str] | None], int]) -> int:
    """The command, without the text that it has written already."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return end(command)


def end(command: Callable[[Sequence[str] | None], int]) -> int:
    """Runs a command in this process. Returns its exit status, 1 after a LabError.

    WHICH_KERNEL after an AsynchronousError that a second run can say more about.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal that lacks a character gets a "?"
    try:
        return command(None)
    except (LabError, RuntimeError) as e:
        error = e if isinstance(e, LabError) else cuda_errors.from_torch(e)
        if error is None:
            raise
        sys.stdout.flush()
        print(f"\n{error}", file=sys.stderr)
        unknown = isinstance(error, AsynchronousError) and os.environ.get(BLOCKING) != "1"
        return WHICH_KERNEL if unknown else 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `python run.py | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
