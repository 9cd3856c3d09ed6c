"""The zip that Gradescope makes an autograder of.

Its root is what lies in /autograder/source there: setup.sh, run_autograder, settings.json and the
sources, with solutions/. https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

from grader import files
from grader.services import ServiceError, sources

PLACE = Path(__file__).parent
SCRIPTS = ("setup.sh", "run_autograder")
SETTINGS = "settings.json"
NOTE = b"Made by `make gradescope`. Keep it private: solutions/ is in it.\n"
SAME_TIME = (2020, 1, 1, 0, 0, 0)  # of all files: the same sources make the same zip
EXECUTABLE, PLAIN = 0o100755, 0o100644


@dataclass(frozen=True)
class Settings:
    """stage, only: of grade.py. minutes: Gradescope's limit, as set there. per_day: a student's
    gradings in 24 hours, 0 for any number. leaderboard: whether the class sees tokens/s."""

    stage: int | None = None
    only: list[str] | None = None
    minutes: float = 10.0
    per_day: int = 0
    leaderboard: bool = False


def write(out: Path, settings: Settings) -> int:
    """Write the zip, whole or not at all; the number of its files. Raises ServiceError."""
    made = io.BytesIO()
    taken = list(sources.files(*sources.PARTS, sources.SOLUTIONS))
    if not any(path.parts[0] == sources.SOLUTIONS for path, _ in taken):
        raise ServiceError("there is no solutions/ here: speed is compared with it")
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in SCRIPTS:
            _add(archive, name, (PLACE / name).read_bytes(), EXECUTABLE)
        _add(archive, SETTINGS, json.dumps(asdict(settings), indent=2).encode() + b"\n")
        _add(archive, sources.README, NOTE)
        for path, source in taken:
            _add(archive, str(path), source.read_bytes())
        count = len(archive.namelist())
    try:
        files.write(out.absolute(), made.getvalue())
    except OSError as error:
        raise ServiceError(f"--out {out}: {error.strerror or error}") from None
    return count


def read_settings(path: Path) -> Settings:
    """Those of the zip that was unpacked here."""
    return Settings(**json.loads(path.read_text("utf-8")))


def _add(archive: zipfile.ZipFile, name: str, data: bytes, mode: int = PLAIN) -> None:
    info = zipfile.ZipInfo(name, SAME_TIME)
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)
