"""For all tests."""

import signal

import pytest

import mingpt  # noqa: F401  (before torch: it sets how torch's threads wait for each other)
from tests.chromium import chromium

# A suite that was started in the background ignores Ctrl-C, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def browser():
    """playwright's Browser: the tests of a file share it."""
    with chromium() as opened:
        yield opened
