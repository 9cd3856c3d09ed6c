"""What simt profile counts of a kernel, against what Nsight Compute counted on a GPU."""

import pytest
import tables
from counters import compare


@pytest.fixture(scope="module")
def comparisons():
    return compare.compare()


@pytest.mark.parametrize("name", compare.MEASURED["kernels"])
def test_equals_nsight_compute(comparisons, name):
    of_kernel = [c for c in comparisons if c.kernel == name]
    assert {c.counter for c in of_kernel} == set(compare.COUNTERS)
    assert [c for c in of_kernel if c.simt != c.nsight_compute and not c.reason] == []


def test_the_reasons_for_differences_are_needed(comparisons):
    different = {(c.kernel, c.counter) for c in comparisons if c.simt != c.nsight_compute}
    assert different == set(compare.EXPLAINED)


def test_the_table_in_docs_is_today_s():
    page = (tables.DOCS / "simt-counters.md").read_text()
    assert page == tables.counters_page(), "run make tables"
