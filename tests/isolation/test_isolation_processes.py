"""Nothing of a worker outlives it, and nothing of it runs while it is paused."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.client import Worker, WorkerStirred
from grader.isolation import processes
from mingpt.paths import ROOT
from tests.isolation.here import HERE

# A daemon in a session of its own, whose parents have ended; another one that can't be stopped.
DAEMON = """
import ctypes, os, signal, time
def daemon(name):
    says, told = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 32):
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    signal.signal(number, signal.SIG_IGN)
            ctypes.CDLL(None).prctl(15, name)
            print(f'{name} runs', flush=True)
            os.write(told, b'.')
            time.sleep(600)
        os._exit(0)
    os.wait(), os.read(says, 1)
"""


def called(name: str) -> list[str]:
    """The processes of that name, zombies too."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() == name:
                found.append(process.name)
        except OSError:
            continue
    return found


# Counts as fast as it can, in two processes of which one is nobody's child.
SPINNING = """
import mmap, os, time
shared = mmap.mmap(-1, 16)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    place = 8
else:
    os.wait()
    place = 0
while True:
    count = int.from_bytes(shared[place:place + 8], 'little') + 1
    shared[place:place + 8] = count.to_bytes(8, 'little')
    if count % 1000 == 0:
        print(place, flush=True)
"""


@pytest.mark.parametrize("level", HERE, indirect=True)
def test_a_paused_worker_does_nothing_until_it_is_resumed(start):
    started, output = start(SPINNING)

    def grows() -> bool:
        """In both processes, within a while."""
        before, deadline = output.read_text(), time.monotonic() + 30
        while time.monotonic() < deadline:
            more = output.read_text()[len(before) :].split()
            if {"0", "8"} <= set(more):
                return True
            time.sleep(0.02)
        return False

    assert grows()
    started.pause()
    before = output.read_text()
    time.sleep(0.3)
    assert output.read_text() == before
    started.resume()
    assert grows()
    started.pause()
    started.kill()
    assert not Path(f"/proc/{started.process.pid}").exists()


@pytest.mark.parametrize("level", HERE, indirect=True)
def test_what_is_done_in_a_pause_is_seen(start):
    started, output = start(SPINNING)
    deadline = time.monotonic() + 30
    while {"0", "8"} - set(output.read_text().split()) and time.monotonic() < deadline:
        time.sleep(0.02)
    started.pause()
    time.sleep(0.3)
    started.resume()
    assert started.stirred < 0.05
    started.pause()
    inside = processes.descendants(started.process.pid)
    processes.send(inside, signal.SIGCONT)  # as if it had found a way
    while "0" not in output.read_text()[-20:] and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(1.0)
    started.resume()
    assert started.stirred > 0.1
    started.kill()


def test_a_worker_that_stirs_is_ended(monkeypatch):
    with Worker() as worker:
        worker.pause()
        worker.resume()
        worker.pause()
        monkeypatch.setattr(worker._sandbox, "stirred", 3.0)
        with pytest.raises(WorkerStirred, match="while it was stopped"):
            worker.resume()
        assert not Path(f"/proc/{worker._sandbox.process.pid}").exists()


@pytest.mark.parametrize("how", ["killed", "has ended"])
@pytest.mark.parametrize("level", HERE, indirect=True)
def test_no_daemon_outlives_its_worker(start, how):
    name = f"d{os.getpid()}{time.monotonic_ns() % 10**6}"
    code = DAEMON + f"daemon({name.encode()!r}); daemon({name.encode()!r})\n"
    started, output = start(code + ("time.sleep(600)" if how == "killed" else "os._exit(7)"))
    deadline = time.monotonic() + 30
    while output.read_text().count("runs") < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    status = started.kill(grace=0 if how == "killed" else 20)
    assert output.read_text().count("runs") == 2
    assert called(name) == []
    assert how == "killed" or status == 7


@pytest.mark.parametrize("level", HERE, indirect=True)
def test_a_killed_grader_leaves_no_process(level, tmp_path):
    name = f"g{os.getpid()}{time.monotonic_ns() % 10**6}"
    code = DAEMON + f"daemon({name.encode()!r}); time.sleep(600)"
    grader = (
        "import sys, time; from pathlib import Path; from grader.isolation import sandbox\n"
        f"sandbox.start(['-c', {code!r}], level={level!r}, folder=Path({str(tmp_path)!r}),"
        " device='cpu', shown={}, inherit=(), variables={})\n"
        "time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", grader], cwd=ROOT)
    deadline = time.monotonic() + 30
    while not called(name) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert called(name)
    process.kill()
    process.wait()
    while called(name) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert called(name) == []


@pytest.mark.parametrize("level", HERE, indirect=True)
@pytest.mark.parametrize(
    ("code", "status"),
    [("exit(3)", 3), ("import os; os.kill(os.getpid(), 9)", -9), ("import os; os.abort()", -6)],
    ids=["exit(3)", "SIGKILL", "SIGABRT"],
)
def test_the_exit_status_is_the_workers_own(start, code, status):
    started, _ = start(code)
    assert started.kill(grace=20) == status
