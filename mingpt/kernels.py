"""A submission's gpt.cu in place of torch's gelu, layernorm and linear.

    library = KernelLibrary(build("starter", "cpu"), "cpu")
    model.ops = CustomOps(library, layers=("gelu", "linear"))

KernelLibrary calls the functions of gpt.h by raw addresses (ctypes, no torch); CustomOps gives them
torch tensors. On the command line:

    python -m mingpt.kernels build --submission starter --device cpu --output build/libgpt.so
"""

import ctypes
import os
import re
from ctypes import c_char_p, c_float, c_int, c_void_p
from difflib import get_close_matches
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from mingpt import cuda_errors
from mingpt.build import build, pick_device
from mingpt.errors import BuildError, KernelError, LabError
from mingpt.submission import load_kv_cache

if TYPE_CHECKING:
    from torch import Tensor

    from mingpt.ops import Ops

__all__ = ["LAYERS", "CustomOps", "KernelLibrary", "build", "load_kv_cache", "pick_device"]

# The parameters of each function, as gpt.h declares them.
SIGNATURES = {
    "gelu": (c_void_p, c_void_p, c_int, c_int, c_void_p),
    "layernorm": (*[c_void_p] * 4, c_float, c_int, c_int, c_void_p),
    "linear": (*[c_void_p] * 4, c_int, c_int, c_int, c_void_p),
}
LAYERS = tuple(SIGNATURES)  # all that can be replaced, in the order of the labs


class KernelLibrary:
    """A built library of a submission. Addresses are ints, in the memory of `device`.

    The calls return when the launch is queued (on a GPU) or done (on the CPU); they raise nothing.
    `check` then asks whether it went well. Raises BuildError if the file cannot be loaded.
    """

    def __init__(self, path: Path, device: str):
        self.path = Path(path)
        self.device = device
        try:
            self._library = ctypes.CDLL(str(path))
        except OSError as e:
            raise BuildError(f"The built library cannot be loaded: {_reason(str(e))}") from None
        self._last_error = self._optional("mingpt_get_last_error", "cudaGetLastError")
        self._error_string = self._optional("mingpt_error_string", "cudaGetErrorString")
        self._simt_report = self._optional("simt_last_report")
        self._simt_clear = self._optional("simt_clear")
        for function in (self._error_string, self._simt_report):
            if function:
                function.restype = c_char_p
        self._functions: dict[str, ctypes._CFuncPtr] = {}

    def call_gelu(self, out: int, in_: int, rows: int, cols: int, stream: int = 0) -> None:
        self.function("gelu")(out, in_, rows, cols, stream)

    def call_layernorm(
        self,
        out: int,
        in_: int,
        weight: int,
        bias: int,
        eps: float,
        rows: int,
        cols: int,
        stream: int = 0,
    ) -> None:
        self.function("layernorm")(out, in_, weight, bias, eps, rows, cols, stream)

    def call_linear(
        self,
        out: int,
        in_: int,
        weight: int,
        bias: int | None,
        m: int,
        n: int,
        k: int,
        stream: int = 0,
    ) -> None:
        self.function("linear")(out, in_, weight, bias, m, n, k, stream)

    def exports(self, name: str) -> bool:
        """Whether the library has a function of that name."""
        return hasattr(self._library, name)

    def function(self, name: str, parameters: tuple = (), result=None):
        """A C function. Raises BuildError when the library has none of that name.

        parameters, result: ctypes types, where it isn't one of gpt.h's.
        """
        if name not in self._functions:
            try:
                function = self._library[name]
            except AttributeError:
                raise BuildError(self._missing(name)) from None
            function.argtypes, function.restype = SIGNATURES.get(name, parameters), result
            self._functions[name] = function
        return self._functions[name]

    def check(self, name: str = "A kernel", certain: bool = True) -> None:
        """Raises KernelError, with simt's report on the CPU, if a launch has failed.

        certain: if a kernel crashed, it was one of `name`. On a GPU it may have been launched
        earlier: AsynchronousError says so.
        """
        if not self._last_error or not (code := self._last_error()):
            return
        report, text = self._report()
        if text:
            raise KernelError(f"{name} failed.\n{text}", report)
        certain = certain or not cuda_errors.is_asynchronous(code)
        text = self._error_string(code).decode()
        raise cuda_errors.kernel_error(code, text, name if certain else None)

    def clear(self) -> None:
        """Forgets a past error, so that the next launch runs. (A GPU never forgets a crash.)"""
        if self._simt_clear:
            self._simt_clear()

    def _report(self):
        """simt's report of what happened, and its text; (None, '') without one."""
        raw = self._simt_report() if self._simt_report else None
        if not raw:
            return None, ""
        from simt.report import Report

        report = Report.from_json(raw.decode())
        return report, report.text()

    def _optional(self, *names: str):
        """The first of these functions that the library exports, or None."""
        return next((self._library[n] for n in names if hasattr(self._library, n)), None)

    def _missing(self, name: str) -> str:
        """A function that is not there: spelt wrong, or with other parameters than gpt.h's?"""
        if f"_Z{len(name)}{name}".encode() in self.path.read_bytes():  # its C++ name
            return (
                f'gpt.cu has a function {name}, but not the one that gpt.h declares (extern "C").\n'
                'Keep #include "gpt.h", and its parameters exactly as they are there.'
            )
        near = get_close_matches(name, _functions_in(self.path), cutoff=0.7)
        it_has = f" (It has {near[0]}.)" if near else ""
        return (
            f"gpt.cu defines no function {name}.{it_has} Is it spelt as in gpt.h, outside of any "
            "namespace, and not static?"
        )


class CustomOps:
    """gelu, layernorm and linear over torch tensors: `layers` by the library, others by `fallback`.

    The kernels compute in float32. Inputs of other dtypes are converted and the output converted
    back; inputs that are not contiguous are copied. On a GPU all runs on torch's current stream.

    The first output of each layer is checked: it starts as NaN, so that an element that the kernel
    never wrote shows. Raises BuildError if a function is missing; the calls raise KernelError.
    (On a GPU, a later launch's crash may be found out by torch, as a RuntimeError: cuda_errors.)
    """

    def __init__(
        self,
        library: KernelLibrary,
        layers: tuple[str, ...] = LAYERS,
        fallback: "Ops | None" = None,
    ):
        import torch

        from mingpt.ops import TorchOps

        self.library = library
        self.layers = tuple(layers)
        fallback = fallback or TorchOps()
        # Bound once: a decode step makes some fifty calls, and a GPU waits for Python meanwhile.
        self._float32, self._synchronize = torch.float32, torch.cuda.synchronize
        self._functions = {name: library.function(name) for name in self.layers}
        self._on_gpu = library.device == "cuda"
        self._is_here = attrgetter("is_cuda" if self._on_gpu else "is_cpu")
        # What torch.cuda.current_stream().cuda_stream is, without an object for it.
        self._stream = torch._C._cuda_getCurrentRawStream if self._on_gpu else lambda index: 0
        self._certain = os.environ.get("CUDA_LAUNCH_BLOCKING") == "1"  # each launch waits
        self._seen: set[str] = set()
        for name in set(LAYERS) - set(self.layers):
            setattr(self, name, getattr(fallback, name))  # in place of the method

    def gelu(self, x: "Tensor") -> "Tensor":
        cols = x.shape[-1]
        return self._run("gelu", x.shape, (x,), (x.numel() // max(cols, 1), cols))

    def layernorm(self, x: "Tensor", weight: "Tensor", bias: "Tensor", eps: float) -> "Tensor":
        cols = x.shape[-1]
        rows = x.numel() // max(cols, 1)
        return self._run("layernorm", x.shape, (x, weight, bias), (eps, rows, cols))

    def linear(self, x: "Tensor", weight: "Tensor", bias: "Tensor | None") -> "Tensor":
        n, k = weight.shape
        m = x.numel() // max(k, 1)
        return self._run("linear", (*x.shape[:-1], n), (x, weight, bias), (m, n, k))

    def _run(self, name: str, shape, tensors, sizes) -> "Tensor":
        """out (of `shape`) by the function `name`, given `tensors` and then `sizes`."""
        inputs = [t if t is None or self._fits(t) else self._convert(name, t) for t in tensors]
        out = inputs[0].new_empty(shape)
        if out.numel():
            if name in self._seen:
                self._launch(name, out, inputs, sizes, self._certain)
            else:
                self._first_launch(name, out, inputs, sizes)
                self._seen.add(name)
        dtype = tensors[0].dtype
        return out if dtype is self._float32 else out.to(dtype)

    def _launch(self, name: str, out: "Tensor", inputs: list, sizes, certain: bool) -> None:
        addresses = [None if t is None else t.data_ptr() for t in inputs]
        self._functions[name](out.data_ptr(), *addresses, *sizes, self._stream(out.get_device()))
        self.library.check(name, certain)

    def _first_launch(self, name: str, out: "Tensor", inputs: list, sizes) -> None:
        """A launch that is waited for, so that its errors are its own, and whose output is checked.

        What was launched before it is waited for as well: its errors are not this one's.
        """
        out.fill_(float("nan"))
        self._wait(None)
        self._launch(name, out, inputs, sizes, certain=True)
        self._wait(name)
        self._check_written(name, out, inputs)

    def _fits(self, t: "Tensor") -> bool:
        """Whether gpt.cu can take it as it is, as nearly always."""
        return t.dtype is self._float32 and self._is_here(t) and t.is_contiguous()

    def _convert(self, name: str, t: "Tensor") -> "Tensor":
        if t.device.type != self.library.device:
            raise KernelError(
                f"{name} was given a tensor on {t.device.type}, and gpt.cu was built for "
                f"{self.library.device}: build and run on the same --device."
            )
        return t.detach().float().contiguous()

    def _wait(self, name: str | None) -> None:
        """Until the GPU is done. Raises KernelError in the name of what it may have failed in."""
        if not self._on_gpu:
            return
        try:
            self._synchronize()
        except RuntimeError as e:
            raise cuda_errors.from_torch(e, name) or e from None

    def _check_written(self, name: str, out: "Tensor", inputs: list) -> None:
        bad = out.isnan()
        if not bad.any() or not all(t is None or t.isfinite().all() for t in inputs):
            return  # all is well, or it went wrong before this layer
        if bad.all():
            raise KernelError(
                f"{name} wrote nothing (or only NaN) to its output.\n"
                "Is the kernel written, and does the function launch it?"
            )
        row, col = bad.reshape(-1, out.shape[-1]).nonzero()[0].tolist()
        raise KernelError(
            f"{name} left {int(bad.sum())} of {out.numel()} outputs unwritten (or made them NaN), "
            f"the first at out[{row}][{col}].\n"
            f"Do its blocks cover all {out.numel() // out.shape[-1]} rows and {out.shape[-1]} "
            "columns?"
        )


def _functions_in(library: Path) -> list[str]:
    """The names in a library's tables of symbols, those of C++ functions without their types."""
    names = re.findall(rb"\0([A-Za-z_]\w*)(?=\0)", library.read_bytes())
    found = []
    for name in (n.decode() for n in names):
        mangled = re.match(r"_Z(\d+)", name)
        found.append(name[mangled.end() :][: int(mangled[1])] if mangled else name)
    return found


def _reason(message: str) -> str:
    """Why dlopen failed, without the path of the library in the cache."""
    _, marker, symbol = message.partition("undefined symbol: ")
    if marker:
        return f"it uses {symbol}, which is declared but defined nowhere."
    if "static TLS" in message:
        return "this process has loaded too many builds. Start it again (restart the kernel)."
    return message


def main() -> int:
    import argparse
    import shutil

    parser = argparse.ArgumentParser(prog="python -m mingpt.kernels")
    commands = parser.add_subparsers(required=True, metavar="build")
    command = commands.add_parser("build", help="build a submission's gpt.cu into a library")
    command.add_argument("--submission", type=Path, required=True, metavar="DIR")
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    command.add_argument("--output", type=Path, required=True, metavar="FILE.so")
    args = parser.parse_args()
    try:
        library = build(args.submission, args.device)
        args.output.parent.mkdir(parents=True, exist_ok=True)
        partial = args.output.with_suffix(".partial")
        shutil.copy(library, partial)
        partial.replace(args.output)  # a process that has the old one loaded keeps it
    except (LabError, OSError) as e:
        print(e)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
