"""For all tests."""

import mingpt  # noqa: F401  (before torch: it sets how torch's threads wait for each other)
