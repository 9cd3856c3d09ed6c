"""For all tests."""

import signal

import mingpt  # noqa: F401  (before torch: it sets how torch's threads wait for each other)

# A suite that was started in the background ignores Ctrl-C, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
