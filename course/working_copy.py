"""work/1_gelu: a copy of the release to work in, for who has the whole course and no nbgrader."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from course.commands import nbgrader
from course.labs import CourseError, Lab


def working_copy(root: Path, lab: Lab) -> tuple[Path, bool]:
    """Its folder, and whether it was made now. What is there is never written to.

    A file that is missing in it is put there again. Raises CourseError.
    """
    folder = root / "work" / lab.name
    there = folder.is_dir()
    if there and all((folder / name).exists() for name in (lab.notebook.name, "gpt.cu")):
        return folder, False
    with TemporaryDirectory() as scratch:
        for source in files(generate(root, lab, Path(scratch))):
            path = folder / source.relative_to(Path(scratch) / lab.name)
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, path)
    return folder, not there


def generate(root: Path, lab: Lab, into: Path) -> Path:
    """What nbgrader would release of a lab, in a folder of its own; the gradebook isn't touched."""
    there = f"--CourseDirectory.release_directory={into}"
    command = ("generate_assignment", lab.name, "--no-db", there)
    done = nbgrader(root, *command, capture_output=True, text=True)
    if done.returncode:
        raise CourseError(f"{lab.name} can't be made:\n{done.stderr.strip()[-3000:]}")
    return into / lab.name


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
