"""A machine as Gradescope's: /autograder, root without its strongest rights, no namespaces.

https://gradescope-autograders.readthedocs.io/en/latest/specs/: the zip is unpacked into
/autograder/source, run_autograder copied out of it, the submission put beside it. The container is
Docker's: its default rights for root, and no user namespaces in it.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from mingpt.paths import ROOT

DOCKER = (
    "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW"
    " SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP"
)
PYTHON = Path(sys.executable)
METADATA = {
    "id": 123456,
    "created_at": "2026-03-01T14:22:32.365935-07:00",
    "assignment": {
        "due_date": "2026-03-31T23:00:00.000000-07:00",
        "group_size": None,
        "group_submission": False,
        "id": 25828,
        "course_id": 1234,
        "late_due_date": None,
        "release_date": "2026-02-01T00:00:00.000000-07:00",
        "title": "gelu",
        "total_points": "10.0",
    },
    "submission_method": "upload",
    "users": [{"email": "ada@example.org", "id": 1, "name": "Ada"}],
    "previous_submissions": [],
}
# What setup.sh would fetch. Each says what it was asked for; uv's environment is ours.
STUBS = {
    "apt-get": 'echo "apt-get $*" >> /autograder/asked',
    "python3": 'echo "python3 $*" >> /autograder/asked\nmkdir -p "$3/bin"\n'
    'cp /autograder/stubs/pip /autograder/stubs/uv "$3/bin/"',
    "pip": 'echo "pip $*" >> /autograder/asked',
    "uv": 'echo "uv $*" >> /autograder/asked\n'
    f'[ "$1" != venv ] || ln -sfn {PYTHON.parent.parent} /autograder/venv',
}


def command(place: Path, *words: str, **variables: str) -> list[str]:
    """The command line that runs `words` on that machine. place: what is /autograder there."""
    made = ["bwrap", "--unshare-user", "--uid", "0", "--gid", "0", "--disable-userns"]
    made += ["--unshare-pid", "--unshare-net", "--die-with-parent", "--cap-drop", "ALL"]
    made += [word for name in DOCKER.split() for word in ("--cap-add", f"CAP_{name}")]
    made += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        if os.path.islink(path):
            made += ["--symlink", os.readlink(path), path]
    prefixes = {sys.prefix, sys.base_prefix, str(Path(sys.prefix).resolve())}
    for path in ("/usr", "/etc", "/sys", *sorted(prefixes - {"/usr"})):
        made += ["--ro-bind", path, path]
    made += ["--bind", str(place), "/autograder", "--chdir", "/autograder", "--clearenv"]
    for name, value in {"PATH": "/usr/local/bin:/usr/bin:/bin", **variables}.items():
        made += ["--setenv", name, value]
    return [*made, *words]


def works(place: Path) -> bool:
    """Whether this machine can play that one."""
    if not shutil.which("bwrap"):
        return False
    return subprocess.run(command(place, "/bin/true"), capture_output=True).returncode == 0


def unpack(archive: Path, place: Path) -> Path:
    """/autograder as it is when an image is built."""
    for name in ("source", "submission", "results"):
        (place / name).mkdir(parents=True)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(place / "source")
    shutil.copy(place / "source" / "run_autograder", place)
    (place / "run_autograder").chmod(0o755)
    (place / "stubs").mkdir()
    for name, text in STUBS.items():
        (place / "stubs" / name).write_text(f"#!/bin/sh\n{text}\n")
        (place / "stubs" / name).chmod(0o755)
    return place


def build(place: Path) -> subprocess.CompletedProcess:
    """Run setup.sh, with no network: what it fetches are stubs."""
    path = "/autograder/stubs:/usr/local/bin:/usr/bin:/bin"
    words = command(place, "/bin/bash", "/autograder/source/setup.sh", PATH=path)
    return subprocess.run(words, capture_output=True, text=True, timeout=200)


def run(place: Path, metadata: dict = METADATA, **variables: str) -> tuple[dict, str]:
    """(results.json, what instructors see of the output) of what is in place/submission."""
    (place / "submission_metadata.json").write_text(json.dumps(metadata))
    words = command(place, "/autograder/run_autograder", **variables)
    done = subprocess.run(words, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    results = place / "results" / "results.json"
    return json.loads(results.read_text()), done.stdout + done.stderr


def bundle(out: Path, *options: str) -> subprocess.CompletedProcess:
    """make gradescope's command."""
    words = [sys.executable, "-m", "grader.services", "gradescope", "--out", str(out), *options]
    return subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=60)
