"""Check your layers against torch: `python test.py --submission starter`.

Quick, and only about values; `python grader/grade.py` looks closer and gives hints.
"""

import argparse
import sys
from collections.abc import Sequence

try:
    import mingpt  # noqa: F401, I001 (before torch: it sets how torch's threads wait)
    import torch
except ModuleNotFoundError:
    sys.exit("This Python has no torch. Run `make setup`, then use .venv/bin/python.")
from torch import Tensor

from mingpt import cli, cuda_errors
from mingpt.errors import BuildError, KernelError
from mingpt.kernels import LAYERS, CustomOps, KernelLibrary, build, pick_device
from mingpt.ops import Ops, TorchOps

# (rows, columns) or (m, n, k): even and odd, smaller and larger than a block, one row.
SHAPES = {
    "gelu": [(1, 1), (64, 3072), (7, 1001)],
    "layernorm": [(1, 768), (64, 768), (5, 33), (3, 2000)],
    "linear": [(1, 1, 1), (64, 768, 768), (1, 2304, 768), (33, 65, 129)],
}
EPS = 1e-5
# Of max |out - expected| / max |expected|. Sums of up to 768 float32 products stay well below.
TOLERANCE = 2e-5


def run_layer(name: str, ops: Ops, shape: tuple[int, ...], dtype, device: str) -> Tensor:
    """One layer on random inputs, the same for each ops and dtype."""
    random = torch.Generator().manual_seed(sum(shape))

    def randn(*size: int) -> Tensor:
        return torch.randn(*size, generator=random).to(device, dtype)

    if name == "gelu":
        return ops.gelu(3 * randn(*shape))
    if name == "layernorm":
        return ops.layernorm(5 + 2 * randn(*shape), randn(shape[1]), randn(shape[1]), EPS)
    m, n, k = shape
    return ops.linear(randn(m, k), randn(n, k), randn(n))


def check_layer(name: str, library: KernelLibrary, device: str) -> tuple[bool, str]:
    """(passed, what to say about it): the worst error over all shapes."""
    worst = 0.0
    for shape in SHAPES[name]:
        at = " x ".join(map(str, shape))
        try:
            out = run_layer(name, CustomOps(library, (name,)), shape, torch.float32, device)
            out = out.double()  # the copy waits for the kernel, so that its errors come out here
        except (BuildError, KernelError) as e:
            library.clear()
            return False, f"at {at}: {e}"
        except RuntimeError as e:  # torch's, after a crash: a GPU stays unusable to this process
            if cuda_errors.code_of(e) is None:
                raise
            return False, "not run: after a crash, the GPU is lost to this process"
        expected = run_layer(name, TorchOps(), shape, torch.float64, device)
        error = ((out - expected).abs().max() / expected.abs().max()).item()
        if not error <= TOLERANCE:  # also when it is NaN
            return False, f"at {at}: max error {error:.1e}, more than {TOLERANCE:.0e}"
        worst = max(worst, error)
    return True, f"max error {worst:.1e} over {len(SHAPES[name])} shapes"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="test.py",
        description="Compare gelu, layernorm and linear with torch (in float64).",
        epilog="Errors are max |yours - torch's| / max |torch's|. Exit status 1 if a layer fails.",
    )
    cli.add_common_arguments(parser)
    args = parser.parse_args(argv)
    device = pick_device(args.device)
    library = KernelLibrary(build(args.submission, device), device)
    failed = 0
    for name in LAYERS:
        passed, message = check_layer(name, library, device)
        failed += not passed
        message = message.replace("\n", "\n" + " " * 19)  # under its first line
        print(f"{name:<10} {'passed' if passed else 'FAILED'}  {message}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(cli.main(main))
