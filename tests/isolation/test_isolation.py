"""What a worker can get at: at each level that works here."""

import os
import platform
import resource
import socket
import subprocess
from pathlib import Path

import pytest

from grader.isolation import bubblewrap, levels
from mingpt.paths import ROOT
from tests.isolation.here import CONFINED, HERE, works

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
