"""What a worker can be asked for: of each operation, the fields and arrays of request and reply.

The functions themselves are in grader/worker/. A field that is not declared here can neither be
sent nor received.
"""

from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from grader.protocol.fields import Bool, FilePath, Float, Int, Many, Maybe, OneOf, Record, Text

# In the order of their numbers on the wire.
DTYPES = tuple(map(np.dtype, ("float32", "float64", "int32", "int64", "uint8", "bool")))
FLOAT32, _, _, INT64, UINT8, BOOL = DTYPES
MAX_ARRAYS = 64  # in one message
MAX_DIMENSIONS = 8


@dataclass(frozen=True)
class Array:
    """An array of one of these dtypes, with so many dimensions (None: any number)."""

    dtypes: tuple[np.dtype, ...]
    ndim: int | None


@dataclass(frozen=True)
class Several:
    """From least to most arrays of one kind."""

    of: Array
    least: int
    most: int


Arrays = tuple[Array, ...] | Several


NOTHING = Record()


@dataclass(frozen=True)
class Operation:
    """Of a request and its reply. defaults: of fields that a request may leave out."""

    code: int  # on the wire
    fields: Record = NOTHING
    arrays: Arrays = ()
    reply: Record = NOTHING
    reply_arrays: Arrays = ()
    defaults: MappingProxyType = field(default_factory=lambda: MappingProxyType({}))


def floats(ndim: int) -> Array:
    return Array((FLOAT32,), ndim)


def integers(ndim: int) -> Array:
    return Array((INT64,), ndim)


COUNT = Int(0, 1 << 40)
DEVICE = OneOf("cpu", "cuda")
NAME = Text(64)  # of a function, a layer, a step
SIZES = Many(COUNT, 8)
SAID = Array((UINT8,), 1)  # a text: of simt's, or of a tool's
BUFFERS = Several(floats(1), 1, 4)  # out, in, and weight and bias where there are any
INPUTS = Several(Array((FLOAT32,), None), 1, 3)

# Why an operation failed: grader/worker/errors.py says what these are.
FAILED = Record(
    kind=OneOf("build", "kernel", "submission", "logits", "exit", "exception"),
    type=Text(200),
    message=Text(80_000),
    report=Maybe(Text(200_000)),
    where=Maybe(Record(file=Text(200), line=Int(0, 1 << 31), source=Text(800), function=Text(200))),
)

_MODEL = Record(**dict.fromkeys(("n_layer", "n_head", "n_embd", "vocab_size", "block_size"), COUNT))
_CALL = {"function": NAME, "sizes": SIZES, "eps": Maybe(Float()), "null_bias": Bool()}
_PLACED = _CALL | {"starts": SIZES}
_WATCHED = _CALL | {"shape": SIZES}

# Which rule of the game is broken ("": none), and the lines of a message that says where.
BROKEN = Record(rule=OneOf("", "includes", "assembly", "symbols", "python"), broken=Text(16_000))

OPERATIONS = {
    # build.py
    "build": Operation(
        1,
        Record(
            submission=FilePath(),
            device=DEVICE,
            mode=OneOf("plain", "check", "profile"),
            capability=Maybe(COUNT),
            runtime=Maybe(FilePath()),
        ),
        reply_arrays=(Array((UINT8,), 1),),  # the library
        defaults=MappingProxyType({"mode": "plain", "capability": None, "runtime": None}),
    ),
    # rules.py
    "inspect_sources": Operation(
        5, Record(submission=FilePath(), inline_assembly=Bool()), reply=BROKEN
    ),
    "inspect_library": Operation(6, Record(path=FilePath()), reply=BROKEN),
    "inspect_python": Operation(
        7,
        Record(submission=FilePath(), torch_compile=Bool(), fused_attention=Bool()),
        reply=BROKEN,
    ),
    # kernels.py
    "load_library": Operation(
        10, Record(path=FilePath(), device=DEVICE), reply=Record(decoder=Bool())
    ),
    "call": Operation(
        11,
        Record(**_PLACED, reverse=Bool(), strict=Bool()),
        BUFFERS,
        reply_arrays=BUFFERS,
    ),
    # recording.py
    "call_captured": Operation(
        12, Record(**_PLACED), BUFFERS, Record(recorded=Bool()), reply_arrays=BUFFERS
    ),
    "launch_captured": Operation(13, arrays=BUFFERS, reply_arrays=BUFFERS),
    # traced.py
    "checked": Operation(20, Record(**_WATCHED), INPUTS, reply_arrays=(floats(2), SAID)),
    "profiled": Operation(21, Record(**_WATCHED), INPUTS, reply_arrays=(floats(2), SAID)),
    "traced": Operation(
        22,
        Record(**_WATCHED, most=COUNT),
        INPUTS,
        Record(addresses=Many(Int(0), 4)),
        (floats(2), SAID),
    ),
    "tool": Operation(
        23,
        Record(name=OneOf("addr2line", "llvm-symbolizer", "objdump")),
        (SAID,),
        reply_arrays=(SAID,),
    ),
    # calls.py
    "fill_pool": Operation(30, arrays=(floats(1),)),
    "prepare_calls": Operation(
        31,
        Record(elements=COUNT, num_slots=COUNT, sizes=SIZES, eps=Maybe(Float())),
        (integers(2), integers(1)),
    ),
    "calls": Operation(
        32, Record(function=NAME), reply=Record(device_seconds=Maybe(Float(0, 1e6)))
    ),
    "peek": Operation(34, Record(slot=COUNT), (integers(1),), reply_arrays=(floats(1),)),
    "outputs": Operation(33, Record(slots=SIZES), reply_arrays=Several(floats(1), 0, 8)),
    # timing.py
    "wake": Operation(40, Record(core=Maybe(Int(0, 1 << 20)), seconds=Float(0, 60))),
    "read_memory": Operation(
        41, Record(size=COUNT, device=DEVICE), reply=Record(seconds=Float(1e-9, 1e6))
    ),
    # model.py
    "load_model": Operation(50, Record(device=DEVICE, counted_by=Maybe(FilePath()))),
    "load_random": Operation(51, Record(size=_MODEL, seed=Int(0))),
    "shorten": Operation(52, Record(block_size=COUNT)),
    "use_kernels": Operation(53, Record(path=FilePath(), layers=Many(NAME, 8))),
    "layer_calls": Operation(56, reply_arrays=(integers(2),)),
    "logits": Operation(54, arrays=(integers(1),), reply_arrays=(floats(2),)),
    "greedy": Operation(55, Record(new_tokens=COUNT), (integers(1),), reply_arrays=(integers(1),)),
    # cache.py
    "load_cache": Operation(60, Record(submission=FilePath())),
    "cached": Operation(
        61,
        Record(new_tokens=COUNT),
        (integers(1),),
        reply_arrays=(integers(1), floats(2), integers(1), integers(1)),
    ),
    "generate": Operation(
        62, Record(new_tokens=COUNT), (integers(1),), reply_arrays=(integers(1),)
    ),
    "in_pieces": Operation(
        63, Record(pieces=Many(COUNT, 64)), (integers(1),), reply_arrays=(floats(2),)
    ),
    "probe": Operation(
        64,
        Record(pieces=Many(COUNT, 64), max_len=COUNT),
        (floats(4), floats(4)),
        Record(
            steps=Many(NAME, MAX_ARRAYS),
            kinds=Many(NAME, MAX_ARRAYS),
            places=Many(Int(0), MAX_ARRAYS),
            error=Maybe(FAILED),
        ),
        Several(Array((FLOAT32, INT64, BOOL), None), 0, MAX_ARRAYS),
    ),
    "caches_made": Operation(
        65, Record(new_tokens=COUNT), (integers(1),), Record(max_len=Many(Int(), 1000))
    ),
    # decoder.py
    "open_decoder": Operation(
        70, Record(path=FilePath()), reply=Record(bytes_per_step=Int(0), model_bytes_per_step=COUNT)
    ),
    "feed": Operation(71, Record(position=COUNT), (integers(1),), reply_arrays=(floats(2),)),
    "decode": Operation(72, Record(new_tokens=COUNT), (integers(1),), reply_arrays=(integers(1),)),
    "draw": Operation(
        73,
        Record(new_tokens=COUNT, temperature=Float(0), top_k=COUNT),
        (integers(1), integers(1)),
        reply_arrays=(integers(2),),
    ),
}
BY_CODE = {operation.code: name for name, operation in OPERATIONS.items()}
