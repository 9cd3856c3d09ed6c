"""A course of its own: folders, an exchange and Jupyter's settings that nobody else uses."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LABS = Path(__file__).parent / "labs"
NAME = "mingpt-lab"


class Course:
    """The instructor's folder, and a folder for each student."""

    def __init__(self, folder: Path, labs: Path = LABS):
        self.folder = folder / "course"
        self.students = folder / "students"
        self.exchange = folder / "exchange"
        self.home = folder / "home"
        for path in (self.folder, self.students, self.exchange, self.home / "config"):
            path.mkdir(parents=True)
        self.exchange.chmod(0o777)
        shutil.copy(ROOT / "nbgrader_config.py", self.folder)
        made = ("*.ipynb", "gpt.cu", "kv_cache.py", "*.cuh", ".ipynb_checkpoints")
        shutil.copytree(labs, self.folder / "labs", ignore=shutil.ignore_patterns(*made))
        shutil.copy(ROOT / "labs" / "AGENTS.md", self.folder / "labs")
        (self.home / "config" / "nbgrader_config.py").write_text(
            f"c = get_config()\nc.Exchange.root = {str(self.exchange)!r}\n"
        )
        jupyter = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
        self.environment = os.environ | {
            "HOME": str(self.home),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "MINGPT_CACHE": os.environ.get("MINGPT_CACHE", str(folder / "cache")),
            **{f"JUPYTER_{key}_DIR": str(self.home / name) for key, name in jupyter.items()},
        }

    def run(self, *command: str, cwd: Path | None = None, fails: bool = False) -> str:
        """Run a command; what it printed. It must succeed, or fail, as it should."""
        done = subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def nbgrader(self, *arguments: str, **fields) -> str:
        return self.run(sys.executable, "-m", "nbgrader", *arguments, **fields)

    def fetch(self, student: str, lab: str, *more: str) -> Path:
        """A student's own copy of what was released."""
        home = self.students / student
        home.mkdir(exist_ok=True)
        self.nbgrader("fetch_assignment", lab, "--course", NAME, *more, cwd=home)
        return home / lab

    def submit(self, student: str, lab: str, *more: str, fails: bool = False) -> str:
        arguments = ("submit", lab, "--course", NAME, "--student", student, *more)
        return self.nbgrader(*arguments, cwd=self.students / student, fails=fails)

    def gradebook(self):
        """nbgrader's own view of the grades."""
        from nbgrader.api import Gradebook

        return Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}", NAME)


class Notebook:
    """A notebook on disk, edited as a student might."""

    def __init__(self, path: Path):
        self.path, self.data = path, json.loads(path.read_text())

    def cell(self, grade_id: str) -> dict:
        return next(cell for cell in self.data["cells"] if _id(cell) == grade_id)

    def answer(self, grade_id: str, source: str) -> None:
        self.cell(grade_id)["source"] = [source]

    def remove(self, grade_id: str) -> None:
        self.data["cells"].remove(self.cell(grade_id))

    def begin_with(self, source: str) -> None:
        cell = {"cell_type": "code", "id": "first", "metadata": {}, "outputs": []}
        self.data["cells"].insert(0, {**cell, "execution_count": None, "source": [source]})

    def save(self) -> None:
        self.path.write_text(json.dumps(self.data))


def _id(cell: dict) -> str | None:
    return cell["metadata"].get("nbgrader", {}).get("grade_id")
