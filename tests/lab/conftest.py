"""Submissions as a student has them, and real notebook kernels to call the lab from."""

import contextlib
import os
import time
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import KernelManager

from gallery import entries
from grader.make_starter import starter_files, strip
from mingpt.paths import ROOT, cache_dir

SOLUTIONS = ROOT / "solutions"
PARTS = ("gelu", "layernorm", "linear")  # of gpt.cu, in this order


def written(*kernels: str) -> str:
    """The text of a gpt.cu in which these kernels are written, and the others are not."""
    solution = (SOLUTIONS / "gpt.cu").read_text()
    pieces = {"": [], **{name: [] for name in PARTS}}
    at = ""
    for line in solution.splitlines():
        if line.startswith("// ---") and line.split()[-1] in PARTS:
            at = line.split()[-1]
        pieces[at].append(line)
    return "\n".join(
        text if name in kernels else strip(text).rstrip("\n")
        for name, text in ((name, "\n".join(lines)) for name, lines in pieces.items())
    ) + "\n"  # fmt: skip


def change(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        text = entries.substituted(text, old, new)
    path.write_text(text)


@pytest.fixture
def stage(tmp_path):
    """stage("2_layernorm", "gelu") -> that lab's folder, in which gelu is written."""

    def make(name: str, *kernels: str) -> Path:
        folder = tmp_path / "course" / name
        folder.mkdir(parents=True)
        for file, text in starter_files(SOLUTIONS, 0).items():
            (folder / file).write_text(text)
        if kernels:
            (folder / "gpt.cu").write_text(written(*kernels))
        return folder

    return make


class Kernel:
    """A notebook's kernel, in a folder, with a cache's path that only its processes know."""

    def __init__(self, folder: Path, cache: Path, **variables: str):
        self._cache = str(cache)
        self._found: set[psutil.Process] = set()  # that it has ever started, as far as was seen
        self._displays: dict[str, dict] = {}
        self.manager = KernelManager(kernel_name="python3")
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MINGPT_CACHE": self._cache,
            **variables,
        }
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.run("import lab")

    def begin(self, code: str) -> str:
        return self.client.execute(code)

    def run(self, code: str) -> list[dict]:
        """The outputs of a cell, as a notebook keeps them: a display is replaced by its updates."""
        return self.collect(self.begin(code))

    def collect(self, request: str, until: str | None = None) -> list[dict]:
        """until: a text in an output that ends the wait."""
        outputs, displays = [], self._displays
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return outputs
            if kind in ("stream", "error", "execute_result", "display_data"):
                outputs.append({"output_type": kind, **content})
                if display := outputs[-1].pop("transient", {}).get("display_id"):
                    displays[display] = outputs[-1]
            elif kind == "update_display_data":
                displays[content["transient"]["display_id"]]["data"] = content["data"]
            if kind != "execute_input" and until and until in str(content):
                return outputs

    def processes(self) -> list[psutil.Process]:
        """All that it started and that are there still, whoever their parents are by now."""
        found = {process for process in self._found if process.is_running()}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                # A zombie is no process any more; its environment can't be read.
                if process.environ().get("MINGPT_CACHE") == self._cache:
                    found.add(process)
        for process in list(found):  # workers have an environment of their own
            with contextlib.suppress(psutil.Error):
                found.update(process.children(recursive=True))
        self._found, alive = found, []
        for process in found:
            with contextlib.suppress(psutil.Error):
                if process.pid != self.pid and process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process)
        return alive

    def runs(self, name: str) -> bool:
        """Whether one of them is called so."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if name in process.name():
                    return True
        return False

    @property
    def pid(self) -> int:
        return self.manager.provisioner.pid

    def wait_until_alone(self, seconds: float) -> list[str]:
        """What is still there after so many seconds at most."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return [str(process) for process in left]

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        for process in self.processes():
            process.kill()


@pytest.fixture
def notebook(tmp_path):
    """notebook(folder) -> a Kernel there, ended with the test."""
    cache = tmp_path / "cache"
    cache.symlink_to(cache_dir(), target_is_directory=True)
    opened = []

    def open_in(folder: Path, **variables: str) -> Kernel:
        opened.append(Kernel(folder, cache, **variables))
        return opened[-1]

    yield open_in
    for kernel in opened:
        kernel.close()


@pytest.fixture
def here(monkeypatch):
    """here(folder): the lab works there, in this process."""
    return monkeypatch.chdir
