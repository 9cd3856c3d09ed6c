"""Crashes and hangs of native code end with a message, and leave no process behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from mingpt.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs in place elsewhere")


def guarded(body: str) -> subprocess.Popen:
    """A process that runs `body`, the inside of a function, guarded."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    program = (
        "import ctypes, os, sys, time\nfrom mingpt.guard import guarded\n"
        f"def command():\n{lines}\nsys.exit(guarded(command))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# As native code that does not return: only the end of the process stops it.
HANG = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(os.getpid(), flush=True)
while True:
    time.sleep(1)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until_gone(pid: int) -> None:
    for _ in range(200):
        if not is_alive(pid):
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still there")


@pytest.mark.parametrize("status", [0, 1, 2, 130])
def test_the_status_is_the_commands(status):
    process = guarded(f"print('text')\nreturn {status}")
    assert process.communicate(timeout=60) == ("text\n", "")
    assert process.returncode == status


def test_a_crash_is_reported():
    process = guarded("print('so far', flush=True)\nctypes.string_at(8)")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "so far\n")
    assert "Native code crashed: Segmentation fault" in err
    assert "host code of gpt.cu" in err


def test_a_killed_process_is_reported():
    process = guarded("os.kill(os.getpid(), 9)")
    assert "enough memory?" in process.communicate(timeout=60)[1]
    assert process.returncode == 1


def test_ctrl_c_reaches_the_command():
    process = guarded(
        "try: print('ready', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt: print('tidied up'); return 130"
    )
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "tidied up\n"
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_hang_ends(sent, status):
    process = guarded(HANG)
    pid = int(process.stdout.readline())
    process.send_signal(sent)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == status
    if sent == signal.SIGINT:
        assert "Interrupted, in native code that did not return" in err
    wait_until_gone(pid)
