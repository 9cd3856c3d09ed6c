"""python -m grader.worker READ_FD WRITE_FD DEVICE: answer requests until the grader hangs up.

A request is {"op": name, ...} with arrays; a reply {"ok": true, ...} with arrays, or
{"ok": false, "error": {...}} as described in errors.py.
"""

import os
import sys
from importlib import import_module

from grader.isolation import limits
from grader.protocol import Channel, ChannelClosed, ProtocolError
from grader.worker.errors import describe

# The module of each operation: a kernel's worker never imports torch, so that it starts at once.
OPERATIONS = {
    "build": "build",
    "load_library": "kernels",
    "call": "kernels",
    "call_captured": "kernels",
    "checked": "traced",
    "profiled": "traced",
    "traced": "traced",
    "fill_pool": "calls",
    "prepare_calls": "calls",
    "calls": "calls",
    "outputs": "calls",
    "wake": "timing",
    "load_model": "model",
    "load_random": "model",
    "shorten": "model",
    "use_kernels": "model",
    "logits": "model",
    "greedy": "model",
    "load_cache": "cache",
    "cached": "cache",
    "generate": "cache",
    "in_pieces": "cache",
    "probe": "cache",
    "caches_made": "cache",
    "open_decoder": "decoder",
    "feed": "decoder",
    "decode": "decoder",
    "draw": "decoder",
}


def main() -> None:
    """Serve one grader, over the two pipes that it left open for us."""
    read_fd, write_fd, device = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    for fd in (read_fd, write_fd):
        os.set_inheritable(fd, False)  # programs that a submission starts don't get them
    limits.confine(device)
    channel = Channel(read_fd, write_fd)
    while True:
        try:
            request, arrays = channel.receive()
        except (ChannelClosed, ProtocolError):
            return
        channel.send(*answer(request, arrays))


def answer(request: dict, arrays: list) -> tuple[dict, list]:
    """Do what a request asks: the reply's header and arrays."""
    try:
        module = import_module(f"grader.worker.{OPERATIONS[request['op']]}")
        header, out = getattr(module, request.pop("op"))(*arrays, **request)
        return {"ok": True, **header}, out
    except BaseException as error:  # SystemExit too: exit() in a submission is its own failure
        return {"ok": False, "error": describe(error)}, []


if __name__ == "__main__":
    main()
