"""CUDA's errors in plain words: what happened, and what to do next.

A GPU works on after a launch has returned. An error in a kernel therefore shows in whatever call
comes next, be it torch's or another kernel's, and from then on in every call of the process.
`is_asynchronous` tells these from errors of the launch itself, whose kernel is known.
"""

from dataclasses import dataclass

from mingpt.errors import AsynchronousError, KernelError


@dataclass(frozen=True)
class Meaning:
    text: str  # as CUDA says it (cudaGetErrorString)
    what: str  # in plain words
    next: str = ""


TRACE = (
    "See the file and line: MINGPT_GUARD=0 compute-sanitizer python run.py ..., or, on the CPU,\n"
    "python grader/grade.py SUBMISSION --device cpu --only memory"
)
OTHER_GPU = "It is built for the first GPU that torch sees: see nvidia-smi, CUDA_VISIBLE_DEVICES."

MEANINGS = {
    1: Meaning(
        "invalid argument",
        "a CUDA function or a launch was given an argument that cannot be",
        "Look at the calls in the function: sizes, pointers; and at its launches: threads a block "
        "(up to 1024), bytes of dynamic shared memory.",
    ),
    2: Meaning(
        "out of memory",
        "the GPU has no memory left for this",
        "See who uses it: nvidia-smi. Take a smaller --model, or free what gpt.cu allocates.",
    ),
    9: Meaning(
        "invalid configuration argument",
        "the launch asks for what no GPU has: no block or thread, more than 1024 threads a block, "
        "a grid that is too large in y or z, or too much shared memory",
        "Print the numbers in <<<...>>> at this size of the input.",
    ),
    98: Meaning(
        "invalid device function",
        "the library holds no code of this kernel for this GPU",
        OTHER_GPU,
    ),
    209: Meaning(
        "no kernel image is available for execution on the device",
        "the library holds no code for this GPU",
        OTHER_GPU,
    ),
    222: Meaning(
        "the provided PTX was compiled with an unsupported toolchain",
        "the GPU is newer than nvcc, and the driver older than nvcc: it can't translate its code",
        "Install a newer driver, or the CUDA toolkit that knows this GPU.",
    ),
    700: Meaning(
        "an illegal memory access was encountered",
        "it read or wrote outside of its buffers (an illegal address)",
        TRACE,
    ),
    701: Meaning(
        "too many resources requested for launch",
        "a block needs more registers than a multiprocessor has",
        "Launch fewer threads a block, or limit the kernel's registers: "
        "__global__ void __launch_bounds__(THREADS) name(...)",
    ),
    702: Meaning(
        "the launch timed out and was terminated",
        "it ran longer than the driver allows where the GPU also drives a screen",
        "Does each loop end? " + TRACE,
    ),
    710: Meaning(
        "device-side assert triggered",
        "an assert in a kernel did not hold",
        "The lines above name it, with its block and thread.",
    ),
    715: Meaning("an illegal instruction was encountered", "it met an illegal instruction", TRACE),
    716: Meaning(
        "misaligned address",
        "it read or wrote at an address that is not a multiple of the access's size: a float4 must "
        "lie at a multiple of 16 bytes",
        TRACE,
    ),
    718: Meaning("invalid program counter", "it jumped to where there is no code", TRACE),
    719: Meaning(
        "unspecified launch failure",
        "it was stopped in the middle: mostly for a bad pointer, or too much recursion",
        TRACE,
    ),
    720: Meaning(
        "too many blocks in cooperative launch",
        "a cooperative launch needs all of its blocks on the GPU at once, and they don't fit",
        "Ask cudaOccupancyMaxActiveBlocksPerMultiprocessor how many do.",
    ),
}
ASYNCHRONOUS = {214, 700, 702, *range(710, 720)}  # of a kernel that ran; the process keeps them


def is_asynchronous(code: int) -> bool:
    """Whether it is of a kernel that ran, perhaps an earlier one. The process keeps it."""
    return code in ASYNCHRONOUS


def code_of(error: BaseException) -> int | None:
    """The CUDA error's number in an exception of torch's; None if it is another one's.

    0 for a CUDA error that is not in MEANINGS, where torch does not give its number.
    """
    if not isinstance(error, RuntimeError):
        return None
    text = str(error)
    if "CUDA out of memory" in text:  # torch.OutOfMemoryError
        return 2
    if "CUDA error" not in text and "CUDA driver error" not in text:
        return None
    if number := getattr(error, "error_code", None):  # torch.AcceleratorError
        return int(number)
    return next((code for code, m in MEANINGS.items() if m.text in text), 0)


def describe(code: int, text: str = "") -> str:
    """Number and name, what it means, and the next step. text: as CUDA says it, if known."""
    meaning = MEANINGS.get(code)
    text = text or (meaning.text if meaning else "unknown")
    head = f"CUDA error {code}: {text}." if code else f"{text}."
    if not meaning:
        return head
    what = meaning.what[0].upper() + meaning.what[1:]
    return "\n".join(line for line in (head, f"{what}.", meaning.next) if line)


def kernel_error(code: int, text: str = "", name: str | None = None) -> KernelError:
    """That `name` failed with this code: one of gpt.cu's functions, None where nobody knows yet."""
    if name:
        return KernelError(f"{name} failed.\n{describe(code, text)}")
    if is_asynchronous(code):
        return AsynchronousError(f"A kernel failed after its launch.\n{describe(code, text)}")
    return KernelError(describe(code, text))


def from_torch(error: BaseException, name: str | None = None) -> KernelError | None:
    """An exception of torch's as `kernel_error` says it; None if it is not a CUDA error."""
    code = code_of(error)
    if code is None:
        return None
    text = "" if code in MEANINGS else str(error).splitlines()[0].rpartition("error: ")[2]
    return kernel_error(code, text, name)
