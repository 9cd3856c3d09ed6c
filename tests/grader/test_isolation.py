"""What a worker can get at, and that nothing of it outlives it: at each level that works here."""

import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.client import Worker, WorkerStirred
from grader.isolation import bubblewrap, choice, levels, processes, sandbox
from mingpt.paths import ROOT

GRADE = [sys.executable, str(ROOT / "grader" / "grade.py")]


def works(name: str) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINGPT_ISOLATION", name)
        choice.in_force.cache_clear()
        found = choice.in_force("cpu").name
    choice.in_force.cache_clear()
    return found == name


HERE = [
    pytest.param(name, marks=() if works(name) else pytest.mark.skip(reason="not on this machine"))
    for name in (levels.BUBBLEWRAP, levels.LANDLOCK, levels.PROCESS)
]
CONFINED = [one for one in HERE if one.values[0] != levels.PROCESS]


@pytest.fixture
def level(request, monkeypatch):
    """The level that the test's parameter names, in force."""
    monkeypatch.setenv("MINGPT_ISOLATION", request.param)
    choice.in_force.cache_clear()
    yield request.param
    choice.in_force.cache_clear()


@pytest.fixture
def start(level, tmp_path):
    """start(code, shown) -> a Sandbox in which Python runs the code, and where its output goes."""

    def make(code: str, *shown: Path) -> tuple[sandbox.Sandbox, Path]:
        folder = tmp_path / f"worker{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        started = sandbox.start(
            ["-c", code],
            level=level,
            device="cpu",
            folder=folder,
            shown={path: path for path in shown},
            inherit=(),
            variables={},
        )
        return started, folder / "output"

    return make


@pytest.fixture
def run(start):
    """run(code, shown) -> what Python prints when it runs the code in there."""

    def make(code: str, *shown: Path) -> str:
        started, output = start(code, *shown)
        status = started.kill(grace=30)
        assert status == 0, output.read_text()
        return output.read_text()

    return make


OPENED = """
import os
def opened(path, flags=os.O_RDONLY):
    try:
        os.close(os.open(path, flags))
    except OSError:
        return False
    return True
"""


@pytest.mark.parametrize("level", CONFINED, indirect=True)
def test_files_of_others_cannot_be_read(run, tmp_path):
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    for folder in (mine, theirs):
        folder.mkdir()
        (folder / "gpt.cu").write_text("// text")
    (mine / "link.h").symlink_to(theirs / "gpt.cu")
    secrets = [
        theirs / "gpt.cu",
        mine / "link.h",
        ROOT / "solutions" / "gpt.cu",
        ROOT / "grader" / "rubric.toml",
        ROOT / "grader" / "kernels" / "reference.py",
        ROOT / "tests" / "grader" / "samples.py",
        Path("/etc/passwd"),
        Path(f"/proc/{os.getpid()}/environ"),
        Path(f"/proc/{os.getpid()}/mem"),
    ]
    assert all(path.exists() for path in secrets)
    seen = run(
        OPENED + f"print([p for p in {[str(path) for path in secrets]} if opened(p)])\n"
        f"print(opened({str(mine / 'gpt.cu')!r}))",
        mine,
    )
    assert seen.split("\n") == ["[]", "True", ""]


@pytest.mark.parametrize("level", CONFINED, indirect=True)
def test_only_the_scratch_can_be_written(run, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "gpt.cu").write_text("// text")
    new = [mine / "new", tmp_path / "new", ROOT / "new", "/usr/new", "/dev/new", "/new", "/run/new"]
    there = [mine / "gpt.cu", ROOT / "mingpt" / "model.py", "/proc/sys/kernel/core_pattern"]
    code = OPENED + (
        f"print([p for p in {list(map(str, new))} if opened(p, os.O_WRONLY | os.O_CREAT)])\n"
        f"print([p for p in {list(map(str, there))} if opened(p, os.O_WRONLY)])\n"
        "print(all(opened(f'{p}/new', os.O_WRONLY | os.O_CREAT) for p in\n"
        "    (os.environ['TMPDIR'], os.environ['HOME'], '.')))"
    )
    assert run(code, mine).split("\n") == ["[]", "[]", "True", ""]
    assert not any(Path(path).exists() for path in new)


@pytest.mark.parametrize("level", HERE, indirect=True)
def test_no_network_and_no_privileges(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = run(
            "import ctypes, os, socket\n"
            "try:\n"
            f"    socket.create_connection(('127.0.0.1', {port}), 2)\n"
            "    print('connected')\n"
            "except OSError:\n"
            "    print('no network')\n"
            "lines = open('/proc/self/status')\n"
            "status = dict(line.split(':\\t') for line in lines if ':' in line)\n"
            "print(status['NoNewPrivs'].strip(), status['Seccomp'].strip())\n"
            "print(int(status['CapEff'], 16) & ~4)\n"  # to read what one grades
            "print(ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0))\n"
            "print(ctypes.CDLL(None).unshare(0x10000000))\n"
        )
    assert said.split() == ["no", "network", "1", "2", "0", "-1", "-1"]


@pytest.mark.parametrize("level", CONFINED, indirect=True)
def test_other_processes_cannot_be_signalled(run):
    victim = subprocess.Popen(["sleep", "60"])
    try:
        run(
            "import os, signal\n"
            f"for pid in ({victim.pid}, {os.getpid()}, os.getppid(), -1):\n"
            "    if pid == -1: signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "    try: os.kill(pid, signal.SIGTERM)\n"
            "    except OSError: pass\n"
        )
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


@pytest.mark.parametrize("level", HERE, indirect=True)
def test_what_needs_no_opening_of_others_cannot_be_changed(run, tmp_path):
    """Permissions, dates, limits, priorities; and nothing of it stays in the kernel."""
    theirs = tmp_path / "theirs"
    theirs.write_text("text")
    theirs.chmod(0o640)
    victim = subprocess.Popen(["sleep", "60"])
    key = 1 << 30 | os.getpid()
    limits = resource.prlimit(victim.pid, resource.RLIMIT_NOFILE)
    nice = os.getpriority(os.PRIO_PROCESS, victim.pid)
    before = theirs.stat()
    code = (
        "import ctypes, os, resource\n"
        "def attempt(function, *arguments):\n"
        "    try: function(*arguments)\n"
        "    except OSError: pass\n"
        f"theirs, pid = {str(theirs)!r}, {victim.pid}\n"
        "attempt(os.chmod, theirs, 0)\n"
        "attempt(os.utime, theirs, (1, 1))\n"
        "attempt(resource.prlimit, pid, resource.RLIMIT_NOFILE, (7, 7))\n"
        "attempt(os.setpriority, os.PRIO_PROCESS, pid, 19)\n"
        "attempt(os.setpriority, os.PRIO_USER, 0, 19)\n"
        f"ctypes.CDLL(None).shmget({key}, 4096, 0o1600)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))\n"  # its own: as it likes
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    try:
        assert run(code).strip() == "(99, 99)"
        after = theirs.stat()
        assert (after.st_mode, after.st_mtime) == (before.st_mode, before.st_mtime)
        assert resource.prlimit(victim.pid, resource.RLIMIT_NOFILE) == limits
        assert os.getpriority(os.PRIO_PROCESS, victim.pid) == nice
        assert str(key) not in Path("/proc/sysvipc/shm").read_text().split()
    finally:
        victim.kill()
        victim.wait()


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


@pytest.mark.parametrize("level", HERE, indirect=True)
def test_nothing_in_there_can_send_the_signal_that_wakes(run):
    kill, tgkill = (62, 234) if platform.machine() == "x86_64" else (129, 131)
    said = run(
        "import ctypes, fcntl, os\n"
        "libc, pid = ctypes.CDLL(None, use_errno=True), os.getpid()\n"
        "event = (ctypes.c_int * 16)(0, 0, 18)\n"
        "read, _ = os.pipe()\n"
        "ways = [\n"
        "    lambda: libc.kill(pid, 18),\n"
        f"    lambda: libc.syscall(ctypes.c_long({kill}), pid, ctypes.c_long(1 << 32 | 18)),\n"
        f"    lambda: libc.syscall(ctypes.c_long({tgkill}), pid, pid, 18),\n"
        "    lambda: libc.fcntl(read, 10, 18),\n"
        "    lambda: libc.prctl(1, 18, 0, 0, 0),\n"
        "    lambda: libc.timer_create(1, event, ctypes.byref(ctypes.c_void_p())),\n"
        "]\n"
        "print([way() for way in ways])\n"
    )
    assert said.strip() == str([-1] * 6)


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


@pytest.mark.skipif(not works(levels.BUBBLEWRAP), reason="no bubblewrap")
@pytest.mark.parametrize("level", [levels.BUBBLEWRAP], indirect=True)
def test_the_scratch_is_in_memory_and_small(run, monkeypatch):
    monkeypatch.setattr(bubblewrap, "SCRATCH_BYTES", 1 << 20)
    said = run(
        "import errno\n"
        "for place in ('/tmp', '/dev/shm'):\n"
        "    try:\n"
        "        open(f'{place}/a', 'wb').write(bytes(80 << 20))\n"
        "        print('written')\n"
        "    except OSError as error: print(errno.errorcode[error.errno])"
    )
    assert said.split() in (["ENOSPC", "ENOSPC"], ["ENOSPC", "EFBIG"])


def test_too_little_isolation_is_refused_if_it_is_required(tmp_path):
    environment = os.environ | {"MINGPT_ISOLATION": "process"}
    document = tmp_path / "result.json"
    asked = ["solutions", "--only", "build", "--no-history", "--json", str(document)]
    done = subprocess.run(
        [*GRADE, *asked, "--require-isolation"],
        **{"cwd": ROOT, "env": environment, "capture_output": True, "text": True},
    )
    assert done.returncode == 2 and not document.exists()
    assert "files" in done.stderr and "docs/security.md" in done.stderr
    assert "Grading" not in done.stdout


@pytest.mark.skipif(not works(levels.BUBBLEWRAP), reason="no bubblewrap")
def test_the_report_says_which_isolation_was_in_force():
    from grader.environment import describe

    choice.in_force.cache_clear()
    assert describe("cpu", 1)["isolation"].startswith("bubblewrap")


@pytest.mark.parametrize("level", HERE, indirect=True)
def test_a_worker_can_name_its_threads(run):
    said = run(
        "import os, threading\n"
        "def name():\n"
        "    path = f'/proc/{os.getpid()}/task/{threading.get_native_id()}/comm'\n"
        "    open(path, 'w').write('named')\n"
        "    print(open(path).read().strip())\n"
        "thread = threading.Thread(target=name)\n"
        "thread.start(), thread.join(), name()"
    )
    assert said.split() == ["named", "named"]  # CUDA's driver does so, or refuses to work


def test_the_strongest_level_in_which_a_worker_works_is_taken(monkeypatch):
    # Stands for a driver that needs what a view or a rule takes away.
    needs_a_file = f"open({str(ROOT / 'README.md')!r})"
    monkeypatch.setitem(choice.TRIALS, "cuda", needs_a_file)
    monkeypatch.delenv("MINGPT_ISOLATION", raising=False)
    choice.in_force.cache_clear()
    found, others = choice.in_force("cuda"), choice.in_force("cpu")
    with pytest.raises(levels.IsolationError, match="files"):
        choice.require("cuda")
    choice.in_force.cache_clear()
    assert found.name == levels.PROCESS and "files" in found.missing
    assert (
        found.reason.count("README.md") + found.reason.count("not installed")
        == len(levels.candidates()) - 1
    )
    assert others.name == levels.candidates()[0].name or not works(levels.BUBBLEWRAP)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap")
def test_a_bubblewrap_that_is_refused_gives_way(monkeypatch, tmp_path):
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    choice.in_force.cache_clear()
    found = choice.in_force("cpu")
    choice.in_force.cache_clear()
    assert found.name != levels.BUBBLEWRAP and "No permissions" in found.reason and found.missing


def test_sigterm_ends_a_grading_with_143(tmp_path):
    submission = tmp_path / "submission"
    shutil.copytree(ROOT / "solutions", submission, ignore=shutil.ignore_patterns("ladder"))
    (submission / "kv_cache.py").write_text("while True: pass\n")
    process = subprocess.Popen(
        [*GRADE, str(submission), "--only", "kv_cache", "--json", str(tmp_path / "r.json")],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True},
    )
    assert "Grading" in process.stdout.readline()
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 143 and "interrupted" in errors and "Traceback" not in errors
    assert not (tmp_path / "r.json").exists()
    mine = [path for path in Path("/proc").glob("[0-9]*/cmdline") if _mentions(path, submission)]
    assert mine == []


def _mentions(path: Path, what: Path) -> bool:
    try:
        return os.fsencode(what) in path.read_bytes()
    except OSError:
        return False
