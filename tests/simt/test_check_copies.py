"""simt check: copies to the host of what nobody has written."""

from pathlib import Path

import pytest

from simt.build import build_program
from simt.checking import run_checked

SOURCE = Path(__file__).parent / "programs" / "copies_back.cu"


@pytest.mark.parametrize(
    "case, kinds",
    [
        ("whole", []),
        ("last row", []),  # a part is enough: the rest may be meant to be unused
        ("padding", ["uninitialized_copy"]),  # what was written is not copied
        ("nothing", ["uninitialized_copy"]),
        ("too far", ["out_of_bounds"]),  # and nothing is looked for beyond the allocation
    ],
)
def test_a_copy_back(case, kinds):
    result = run_checked(build_program(SOURCE, mode="check").path, [case])
    assert [report.kind for report in result.reports] == kinds
