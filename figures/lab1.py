"""Lab 1: threads and elements, the curve, how a function is called, and when its kernel runs."""

from __future__ import annotations

import math

from figures.style import LEFT, WIDTH, LinearScale, Sheet

LAB = "1_gelu"


def pictures() -> dict[str, str]:
    return {
        "threads": threads(),
        "gelu": curve(),
        "call": call(),
        "timeline": timeline(),
        "request": request(),
    }


def threads(n: int = 10, block: int = 4) -> str:
    """Blocks of threads above, the array below, and who has which element."""
    blocks = math.ceil(n / block)
    sheet = Sheet(
        224,
        f"{blocks} blocks of {block} threads for an array of {n} elements: each thread takes one,"
        f" and the last {blocks * block - n} threads have none",
    )
    pitch, gap, top = 44, 20, 44
    sheet.text(LEFT, 24, f"n = {n} elements, {block} threads a block: {blocks} blocks", "strong")
    for b in range(blocks):
        x0 = LEFT + 78 + b * (block * pitch + gap)
        sheet.text(x0 + block * pitch / 2, top + 12, f"block {b}", "soft", "middle")
        for t in range(block):
            i, x = b * block + t, x0 + t * pitch
            busy = i < n
            sheet.box(x + 1, top + 20, pitch - 2, 26, str(t), "need" if busy else "empty edge")
            middle = x + pitch / 2
            if busy:
                target = LEFT + 78 + i * pitch + pitch / 2 + gap
                sheet.arrow(middle, top + 50, target, top + 98)
            else:
                sheet.text(middle, top + 66, "none", "small over-text", "middle")
    sheet.text(LEFT, top + 37, "threadIdx.x", "small soft")
    sheet.text(LEFT, top + 119, "element i", "small soft")
    sheet.row(LEFT + 78 + gap, top + 102, pitch, [str(i) for i in range(n)])
    sheet.text(LEFT, 206, "Which element? i = blockIdx.x * blockDim.x + threadIdx.x", "code")
    return sheet.picture()


def gelu(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def curve() -> str:
    """gelu beside relu."""
    sheet = Sheet(300, "gelu is x for large x, 0 for very negative x, and dips to -0.17 in between")
    x_axis, y_axis = LinearScale(-4, 4, 60, 460), LinearScale(-0.5, 4, 262, 24)
    zero_x, zero_y = x_axis(0), y_axis(0)
    sheet.line(x_axis(-4), zero_y, x_axis(4), zero_y, "soft-line")
    sheet.line(zero_x, y_axis(-0.5), zero_x, y_axis(4), "soft-line")
    for tick in (-4, -2, 2, 4):
        sheet.text(x_axis(tick), zero_y + 18, str(tick), "small soft", "middle")
    for tick in (1, 2, 3, 4):
        sheet.text(zero_x - 8, y_axis(tick) + 4, str(tick), "small soft", "end")
    sheet.path([(x_axis(-4), zero_y), (zero_x, zero_y), (x_axis(4), y_axis(4))], "over-line dashed")
    steps = [-4 + i / 16 for i in range(129)]
    sheet.path([(x_axis(x), y_axis(gelu(x))) for x in steps], "need-line")
    sheet.text(490, 60, "gelu(x)", "strong need-text")
    sheet.text(490, 84, "relu(x) = max(0, x)", "strong over-text")
    low = min((-1 + i / 1000 for i in range(1000)), key=gelu)
    sheet.line(x_axis(low), y_axis(gelu(low)), x_axis(low), y_axis(gelu(low)) + 24, "soft-line")
    lowest = f"{gelu(low):.2f} at x = {low:.2f}"
    sheet.text(x_axis(low), y_axis(gelu(low)) + 38, lowest, "small", "middle")
    said = (
        "Far to the right it is x,|far to the left 0, and smooth|in between: negative x|count, too."
    )
    sheet.paragraph(490, 124, said.split("|"), "soft")
    return sheet.picture()


def call() -> str:
    """From a tensor in Python to the threads that work on it."""
    sheet = Sheet(
        232,
        "Python finds the function gelu in the built library by its name, and hands it two"
        " addresses, two sizes and a stream; gelu launches the kernel",
    )
    places = [
        (LEFT, "Python (mingpt)", ["x: a torch tensor", "its address and size"], "need"),
        (LEFT + 234, "gelu (in gpt.cu)", ["how many blocks?", "gelu_kernel<<<...>>>"], "share"),
        (LEFT + 468, "gelu_kernel (in gpt.cu)", ["one element", "for each thread"], "over"),
    ]
    for x, title, lines, kind in places:
        sheet.box(x, 44, 204, 30, title, kind)
        sheet.box(x, 74, 204, 62)
        sheet.paragraph(x + 14, 98, lines)
    sheet.text(LEFT, 26, "Who calls whom", "strong")
    sheet.arrow(LEFT + 206, 90, LEFT + 232, 90)
    sheet.arrow(LEFT + 440, 90, LEFT + 466, 90)
    sheet.text(LEFT + 219, 160, "ctypes, by the name “gelu”", "small soft", "middle")
    sheet.text(LEFT + 453, 160, "a launch, on the stream", "small soft", "middle")
    sheet.line(LEFT + 219, 96, LEFT + 219, 146, "soft-line")
    sheet.line(LEFT + 453, 96, LEFT + 453, 146, "soft-line")
    lines = ["gpt.cu becomes a shared library: by nvcc for a GPU, by simt and g++ for a CPU."]
    sheet.paragraph(LEFT, 190, [*lines, "Neither Python nor gpt.cu changes from one to the other."])
    return sheet.picture()


def timeline() -> str:
    """A launch returns before its kernel runs."""
    sheet = Sheet(
        206,
        "The host queues three launches and goes on; the GPU runs the kernels one after the other,"
        " and the host waits only where it asks for a result",
    )
    host, gpu = 48, 114
    sheet.text(LEFT, 26, "Three launches, and when their kernels run", "strong")
    sheet.text(LEFT, host + 20, "host", "strong")
    sheet.text(LEFT, gpu + 20, "GPU", "strong")
    kernels = ["linear", "gelu", "linear"]
    kinds = ["need", "share", "need"]
    start = 150.0
    for i, (name, kind) in enumerate(zip(kernels, kinds, strict=True)):
        x = 86 + i * 66
        sheet.box(x, host, 62, 30, "launch", "empty edge", "small")
        sheet.box(start, gpu, 142, 30, name, kind)
        sheet.arrow(x + 31, host + 32, max(start + 8, x + 31), gpu - 3)
        start += 144
    sheet.box(290, host, 86, 30, "other work", "empty edge", "small")
    sheet.box(380, host, start - 380, 30, "waits: synchronise", "waste", "small")
    sheet.arrow(start - 1, gpu - 3, start - 1, host + 34)
    sheet.box(start + 2, host, 74, 30, "reads out", "empty edge", "small")
    sheet.arrow(86, 166, WIDTH - LEFT, 166)
    sheet.text(WIDTH - LEFT, 188, "time", "small soft", "end")
    sheet.text(86, 188, "One stream: what is queued first runs first, one after the other.", "soft")
    return sheet.picture()


def request() -> str:
    """32 lanes, 128 bytes, 4 sectors."""
    sheet = Sheet(
        176, "A warp of 32 threads reads 32 neighbouring floats: 128 bytes, 4 sectors of 32 bytes"
    )
    pitch, x = 20.5, 40.0
    sheet.text(LEFT, 26, "x[i], read by one warp at the same moment", "strong")
    sheet.row(x, 42, pitch, [str(lane) for lane in range(32)], "need", 22, "on small")
    for lane in range(32):
        sheet.line(x + (lane + 0.5) * pitch, 66, x + (lane + 0.5) * pitch, 92, "soft-line")
    for sector in range(4):
        left = x + sector * 8 * pitch
        sheet.rect(left + 1, 94, 8 * pitch - 2, 26, "share", rx=3)
        sheet.text(left + 4 * pitch, 112, f"sector {sector}: 32 bytes", "on", "middle")
    sheet.text(x, 148, "One request of 32 lanes asks for 128 bytes, and 4 × 32 = 128 are moved.")
    return sheet.picture()
