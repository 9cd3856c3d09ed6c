"""python -m grader.worker SOCKET_FD MEMORY_FD DEVICE: answer requests until the grader hangs up.

grader/protocol says what requests and replies are; a failure is described in errors.py.
"""

import os
import sys
from importlib import import_module

from grader.isolation import limits
from grader.protocol import ChannelClosed, Message, ProtocolError, Unsendable, open_channel
from grader.worker.errors import describe

# The module of each operation: a kernel's worker never imports torch, so that it starts at once.
OPERATIONS = {
    "inspect_sources": "rules",
    "build": "build",
    "inspect_library": "rules",
    "inspect_python": "rules",
    "load_library": "kernels",
    "call": "kernels",
    "call_captured": "recording",
    "launch_captured": "recording",
    "checked": "traced",
    "profiled": "traced",
    "traced": "traced",
    "tool": "traced",
    "fill_pool": "calls",
    "prepare_calls": "calls",
    "calls": "calls",
    "peek": "calls",
    "outputs": "calls",
    "wake": "timing",
    "read_memory": "timing",
    "load_model": "model",
    "load_random": "model",
    "shorten": "model",
    "use_kernels": "model",
    "layer_calls": "model",
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
    """Serve one grader, over the socket and the memory that it left open for us."""
    socket_fd, memory_fd, device = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    for fd in (socket_fd, memory_fd):
        os.set_inheritable(fd, False)  # programs that a submission starts don't get them
    if limits.DONE not in os.environ:
        limits.confine(device)
    channel = open_channel(socket_fd, memory_fd)
    while True:
        try:
            request = channel.receive()
        except (ChannelClosed, ProtocolError):
            return
        try:
            channel.send(answer(request))
        except Unsendable as error:  # what the submission made has no place in a reply
            words = f"What came out of your code can't be used: {error}."
            channel.send(
                request.failure(describe(error) | {"kind": "submission", "message": words})
            )


def answer(request: Message) -> Message:
    """Do what a request asks for."""
    try:
        module = import_module(f"grader.worker.{OPERATIONS[request.op]}")
        return request.answer(*getattr(module, request.op)(*request.arrays, **request.fields))
    except BaseException as error:  # SystemExit too: exit() in a submission is its own failure
        return request.failure(describe(error))


if __name__ == "__main__":
    main()
