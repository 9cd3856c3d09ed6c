"""Where things are."""

from pathlib import Path

from simt.cache import cache_dir

__all__ = ["INCLUDE", "PACKAGE", "ROOT", "cache_dir", "default_submission"]

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
INCLUDE = PACKAGE / "include"  # what gpt.cu can include: gpt.h, and decoder.h with its parts


def default_submission() -> Path:
    """solutions/ where there is one (an instructor's clone), else starter/ (a student's)."""
    solutions = ROOT / "solutions"
    return solutions if solutions.is_dir() else ROOT / "starter"
