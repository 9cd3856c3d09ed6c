"""What surrounds a submission while it is graded, and what has become of it afterwards.

    base/submission  base/classmate  base/clean     folders of three students
    base/home  base/temporary                       of who grades
    base/reports

A secret lies in a classmate's file, in the home, in the environment and in /dev/shm; servers listen
on three kinds of sockets. The secret may not appear in a report, and nobody may knock.
"""

import contextlib
import ctypes
import hashlib
import os
import secrets
import select
import shutil
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from gallery.entries import submission
from mingpt.paths import ROOT, cache_dir
from simt.build import runtime_archive

CODE = ("grader", "mingpt", "simt", "solutions", "starter", "lab")  # of the repository
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/etc")  # a mark is looked for in names there
LARGE = 64 << 20  # bytes: a larger file is known by its size
PASSING = (
    "building-",
    ".graded-",
    "torchinductor_",
)  # names of what the grader itself makes and removes
GRACE = 3.0  # seconds in which what was killed may still end

_PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Setting:
    base: Path
    mark: str  # what an attack puts into a name, so that it is found
    secret: str
    listeners: dict[str, socket.socket] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, str]:
        """What stands for it in an attack, and what it is."""
        port = self.listeners["127.0.0.1"].getsockname()[1]
        return {
            "@BASE@": str(self.base),
            "@CLASSMATE@": str(self.base / "classmate"),
            "@HOME@": str(self.base / "home"),
            "@OWN HOME@": str(Path.home()),  # of who runs the attacks
            "@SECRET@": str(self.base / "home" / "secret"),
            "@ROOT@": str(ROOT),
            "@MARK@": self.mark,
            "@PORT@": str(port),
            "@DEEP@": "-" * 100_000 + "1",
        }

    def environment(self, cache: Path) -> dict[str, str]:
        """Of the grader's process."""
        return os.environ | {
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.base / "home"),
            "TMPDIR": str(self.base / "temporary"),
            "MINGPT_CACHE": str(cache),
            "ATTACKED_SECRET": self.secret,
        }

    def state(self, folders: Sequence[str], cache: Path) -> dict[str, dict[str, tuple]]:
        """{what: {path: what it is}}, of all that must stay as it is. folders: of base."""
        found = {name: described(self.base / name) for name in folders}
        found["the repository"] = {}
        for name in CODE:
            found["the repository"] |= described(ROOT / name, times=False)
        found["the cache"] = described(cache, times=False)
        return found

    def marked(self, cache: Path) -> list[str]:
        """Where the mark is in a name."""
        folders = [*map(Path, SHARED), Path.home(), ROOT, cache, cache.parent, self.base]
        return sorted(
            {
                str(path)
                for folder in folders
                for path in folder.glob(f"*{self.mark}*")
                if path != Path("/dev/shm") / self.mark
            }
        )

    def knocked(self) -> list[str]:
        """The sockets that somebody has connected to."""
        ready, _, _ = select.select(list(self.listeners.values()), [], [], 0)
        return [name for name, listener in self.listeners.items() if listener in ready]


@contextlib.contextmanager
def setting() -> Iterator[Setting]:
    """Made afresh, and removed at the end."""
    base = Path(tempfile.mkdtemp(prefix="mingpt-attacks-"))
    made = Setting(base, f"attack-{secrets.token_hex(6)}", secrets.token_hex(12))
    shared = Path("/dev/shm") / made.mark
    try:
        for name in ("home", "temporary", "reports"):
            (base / name).mkdir()
        submission(base / "clean")
        submission(base / "classmate")
        with (base / "classmate" / "gpt.cu").open("a") as file:
            file.write(f"// {made.secret}\n")
        (base / "home" / "secret").write_text(f"{made.secret}\n")
        shared.write_text(f"{made.secret}\n")
        made.listeners = {
            "127.0.0.1": listening(socket.AF_INET, ("127.0.0.1", 0)),
            "an abstract socket": listening(socket.AF_UNIX, f"\0{made.mark}"),
            "a socket in a folder": listening(socket.AF_UNIX, str(base / "home" / "socket")),
        }
        yield made
    finally:
        for listener in made.listeners.values():
            listener.close()
        shared.unlink(missing_ok=True)
        shutil.rmtree(base, ignore_errors=True)


def listening(family: int, address) -> socket.socket:
    made = socket.socket(family)
    made.bind(address)
    made.listen()
    return made


@contextlib.contextmanager
def private_cache() -> Iterator[Path]:
    """A kernel cache for attacks alone, with simt's runtime in it."""
    with tempfile.TemporaryDirectory(prefix="mingpt-attacks-cache-") as folder:
        shutil.copy2(runtime_archive(cache_dir()), folder)
        yield Path(folder)


def described(folder: Path, times: bool = True) -> dict[str, tuple]:
    """{path: kind, permissions, owner, size, content} of all in a folder; times: when changed."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        inside = path.relative_to(folder).parts
        if (inside and inside[0].startswith(PASSING)) or ("__pycache__" in inside and not times):
            continue
        with contextlib.suppress(FileNotFoundError):  # a temporary file of the grader's own
            about = path.lstat()
            content = ""
            if stat.S_ISLNK(about.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(about.st_mode) and about.st_size < LARGE:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            size = 0 if stat.S_ISDIR(about.st_mode) else about.st_size
            when = about.st_mtime_ns if times and not stat.S_ISDIR(about.st_mode) else 0
            found[str(path)] = (about.st_mode, about.st_uid, size, when, content)
    return found


def differences(before: dict, after: dict, grows: Sequence[str] = ("the cache",)) -> list[str]:
    """What changed, in words. grows: places in which new files are all right."""
    said = []
    for what, files in before.items():
        now = after[what]
        gone = [f"{path} is gone" for path in files if path not in now]
        new = [] if what in grows else [f"{path} is new" for path in now if path not in files]
        other = [
            f"{path} was changed" for path in files if path in now and files[path] != now[path]
        ]
        if what in grows:  # the folder itself
            other = [text for text in other if not Path(text.split(" was ")[0]).is_dir()]
        said += [f"{what}: {text}" for text in (*gone, *new, *other)]
    return said


@contextlib.contextmanager
def adopting() -> Iterator[set[int]]:
    """What descends from this process and loses its parent becomes our child meanwhile.

    Gives the processes that are there already.
    """
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield {process.pid for process in psutil.Process().children(recursive=True)}
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def left_over(known: set[int]) -> list[str]:
    """What descends from this process, beyond those known, and lives on: named, then killed."""
    deadline = time.monotonic() + GRACE
    while (alive := _descendants(known)) and time.monotonic() < deadline:
        time.sleep(0.05)
    names = set()
    for process in alive:
        with contextlib.suppress(psutil.Error):
            names.add(process.name())
            process.kill()
    end = time.monotonic() + GRACE
    while _descendants(known) and time.monotonic() < end:
        time.sleep(0.05)
    return [f"left alive: {len(alive)} processes ({', '.join(sorted(names))})"] if alive else []


def _descendants(known: set[int]) -> list[psutil.Process]:
    """Those alive; the dead among our own children are laid to rest."""
    alive = []
    for process in psutil.Process().children(recursive=True):
        if process.pid in known:
            continue
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
            elif process.ppid() == os.getpid():
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
    return alive


def stop(process) -> None:
    """Kill a grader, with its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
