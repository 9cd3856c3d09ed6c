"""Whatever a folder holds, what looks at a submission says what is wrong with it, or takes it.

No hang, and no exception but those whose message a student sees. MINGPT_FUZZ_CASES: how many cases
(2,000 by make test-all).
"""

import contextlib
import os
import shutil
import socket
import stat
import tempfile
import threading
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader import history, starters
from grader.grade import UsageError, find
from grader.isolation.levels import BUBBLEWRAP
from grader.isolation.shelf import Shelf
from grader.outcome import Failure
from grader.submission import LARGEST, check_file
from mingpt.build import local_includes
from mingpt.errors import SubmissionError
from mingpt.paths import INCLUDE, ROOT
from mingpt.submission import check_folder, load_kv_cache
from simt.compiler import CompileError
from simt.sources import SourceTree
from tests import whole

CASES = int(os.environ.get("MINGPT_FUZZ_CASES") or (2000 if whole.ALL else 250))
LIMIT = 10.0  # seconds for one case, far more than any takes
EXPECTED = (UsageError, Failure, SubmissionError, CompileError)
OUTSIDE = ROOT / "pyproject.toml"

SOLUTION = {name: (ROOT / "solutions" / name).read_bytes() for name in ("gpt.cu", "kv_cache.py")}
NAMES = [
    *("gpt.cu", "kv_cache.py", "mine.h", "decoder.cuh", "a", "a/b", "GPT.CU", "notes.cu", ".git"),
    *("-rf", "$(echo x)", "a b\nc", "ü🙂\u202e", "x" * 255, "\udcff\udcfe", "__pycache__", "con"),
]
TEXTS = [
    *(b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\\\n", b"generate = 3\n"),
    *(
        b"raise SystemExit\n",
        b"raise KeyError('\\ud800')\n",
        b"# coding: utf-16\n",
        b"import nothing",
    ),
    *(b"(" * 5000, b"/*", b'"', b'R"(', b"'''", b"<<<", b"__shared__", b"a<<<1>>>();", b"#"),
    *(b'#include "mine.h"\n', b'#include "gpt.cu"\n', b'#include "a"\n#include "a/b"\n'),
    *(b'#include "/dev/zero"\n#include "/"\n#include ""\n#include "' + b"x" * 5000 + b'"\n',),
    *(b'#include "../x"\n', b'#include "\0"\n', b'#include "\xff"\n', *SOLUTION.values()),
]
TARGETS = ["gpt.cu", "mine.h", "a", ".", "..", "/", "/dev/zero", "/dev/full", "/nowhere", "x" * 255]
KINDS = ["folder", "closed folder", "fifo", "socket", "closed", "sparse", "deep", "many"]

texts = st.sampled_from(TEXTS) | st.binary(max_size=200)
contents = st.one_of(
    st.lists(texts, max_size=4).map(lambda parts: ("file", b"".join(parts))),
    st.sampled_from([*TARGETS, str(OUTSIDE)]).map(lambda target: ("link", target)),
    st.sampled_from(KINDS).map(lambda kind: (kind, b"")),
)
names = st.sampled_from(NAMES[:3]) | st.sampled_from(NAMES) | st.text("ab./\0\n\u00e9", max_size=8)
folders = st.lists(st.tuples(names, contents), max_size=6)


def make(folder: Path, entries) -> None:
    """What can be made of it; names that no file can have are left out."""
    for name, (kind, data) in entries:
        path = folder / name
        try:
            if os.path.lexists(path) or not is_within(folder, path):
                continue  # never through a link to something outside
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "link":
                path.symlink_to(data)
            elif kind == "folder":
                path.mkdir()
            elif kind == "closed folder":
                path.mkdir(mode=0)
            elif kind == "fifo":
                os.mkfifo(path)
            elif kind == "socket":
                with socket.socket(socket.AF_UNIX) as made:
                    made.bind(str(path))
            elif kind == "deep":
                for _ in range(100):
                    path = path / "d"
                path.mkdir(parents=True)
            elif kind == "many":
                path.mkdir()
                for i in range(200):
                    (path / f"{i}.cu").touch()
            else:
                path.write_bytes(data)
                if kind == "sparse":
                    os.truncate(path, 40 << 30)
                elif kind == "closed":
                    path.chmod(0)
        except (OSError, ValueError):
            continue


def is_within(folder: Path, path: Path) -> bool:
    """Whether what would be made there lies in the folder, links and ".." followed."""
    parent = path.parent.resolve()
    return parent == folder or folder in parent.parents


def look(folder: Path) -> list[str]:
    """All that looks at a submission, as the command and the checks do it: what they said."""
    said = []

    def attempt(action) -> bool:
        try:
            action()
        except EXPECTED as error:
            said.append(error.message if isinstance(error, Failure) else str(error))
            return False
        return True

    attempt(lambda: find(folder))
    history.path_of(folder)
    with tempfile.TemporaryDirectory() as kept:
        shelf = Shelf(Path(kept), folder, BUBBLEWRAP)
        with contextlib.suppress(OSError):  # building.build says which file it was
            shelf.digest()
    if attempt(lambda: check_file(folder, "gpt.cu")):
        source = folder / "gpt.cu"
        attempt(lambda: check_folder(folder, "gpt.cu"))
        with tempfile.TemporaryDirectory() as copies:
            attempt(lambda: SourceTree([source], [INCLUDE]).write(Path(copies)))
        text = source.read_text("utf-8", errors="surrogateescape")
        assert not starters.is_starter("gpt.cu", text)
        if all(path.stat().st_size <= LARGEST for path in folder.glob("*") if path.is_file()):
            local_includes(source)
    if attempt(lambda: check_file(folder, "kv_cache.py")):
        attempt(lambda: load_kv_cache(folder))
    return said


def tree(folder: Path) -> dict[str, tuple]:
    return {
        str(path): (stat.S_IFMT(about.st_mode), about.st_size, about.st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if (about := path.lstat()) and not path.is_dir()
    }


@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=not os.environ.get("MINGPT_FUZZ_CASES"),
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(folders)
def test_any_folder_gets_a_message(entries):
    parent = Path(tempfile.mkdtemp(prefix="mingpt-fuzz-")).resolve()
    folder = parent / "submission"
    folder.mkdir()
    make(folder, entries)
    before, outcome = tree(folder), []

    def run() -> None:
        try:
            outcome.append(look(folder))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), "it hangs"
    (said,) = outcome
    if isinstance(said, BaseException):
        raise said
    for message in said:
        assert message.strip() and "Traceback" not in message, message
    assert tree(folder) == before, "the submission was changed"
    shutil.rmtree(parent, ignore_errors=True)


def test_what_is_refused_is_named(tmp_path):
    (tmp_path / "gpt.cu").symlink_to(OUTSIDE)
    (tmp_path / "kv_cache.py").mkdir()
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", LARGEST + 1)
    (tmp_path / "own.cu").write_text("")
    (tmp_path / "link.cu").symlink_to("own.cu")
    for name, cause in [
        ("gpt.cu", "leads out of the submission"),
        ("kv_cache.py", "is a folder"),
        ("large", "at most 4,194,304"),
        ("none", "No such file"),
    ]:
        try:
            check_file(tmp_path, name)
        except Failure as failure:
            assert cause in failure.message and name in failure.message
        else:
            raise AssertionError(f"{name} was taken")
    check_file(tmp_path, "link.cu")  # within the folder: fine


def test_bytecode_beside_a_source_is_left_alone(tmp_path):
    """Python itself would run it, whatever the source says."""
    from gallery.attacks.entries import _forge

    source = tmp_path / "kv_cache.py"
    source.write_text("def generate(): return 'the source'\n")
    _forge(source, "def generate(): return 'forged'\n")
    assert load_kv_cache(tmp_path).generate() == "the source"
