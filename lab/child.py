"""python -m lab.child MODULE ARGUMENTS: run a module, and end when who asked for it is gone.

Standard input is a pipe that nobody writes to. Its end means that the notebook's kernel has died or
was restarted, with no time to stop what it had begun.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE = 5.0  # seconds to end in an orderly way


def main() -> None:
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    module, *_ = sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_the_parent() -> None:
    while os.read(0, 64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
