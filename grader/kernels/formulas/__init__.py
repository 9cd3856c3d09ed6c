"""Wrong formulas, by function: see formula.py."""

from grader.kernels.formulas.formula import Formula
from grader.kernels.formulas.gelu import GELU
from grader.kernels.formulas.layernorm import LAYERNORM
from grader.kernels.formulas.linear import LINEAR
from grader.kernels.formulas.reductions import REDUCTIONS

__all__ = ["FORMULAS", "Formula"]

FORMULAS = {"gelu": GELU, "layernorm": LAYERNORM + REDUCTIONS, "linear": LINEAR}
