"""A template repository for GitHub Classroom: starter/, what grades it, and a workflow.

Students can read and change all that is in their repository, its workflow too. So there are no
solutions in it, nor is any secret needed.
"""

import re
import shutil
from pathlib import Path

from grader.services import ServiceError, sources

WORKFLOW = Path(__file__).with_name("classroom.yml")
PLACE = ".github/workflows/classroom.yml"
NOTE = """# minGPT Lab

Write in `starter/`, then `make grade`. What you push is graded too: see the run's summary under
Actions. `make help` lists the rest.
"""


def write(
    out: Path, repository: str, ref: str, stage: int | None, only: list[str] | None = None
) -> int:
    """Write the repository's files into a new folder; their number. Raises ServiceError.

    repository: OWNER/NAME that the grader is taken from, which students can read: this template
    itself, or another copy of it. ref: its branch, tag or commit. stage, only: of grade.py.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII):
        raise ServiceError(f"--repository {repository}: it must be OWNER/NAME, as on github.com")
    if not re.fullmatch(r"[\w./-]+", ref, re.ASCII):
        raise ServiceError(f"--ref {ref}: a branch, a tag or a commit has no such name")
    chosen = [] if stage is None else ["--stage", str(stage)]
    chosen += ["--only", *only] if only else []
    settings = {"GRADER_REPOSITORY": repository, "GRADER_REF": ref, "CHECKS": " ".join(chosen)}
    taken = list(sources.files(*sources.PARTS))
    try:
        if out.exists() and any(out.iterdir()):
            raise ServiceError(f"--out {out}: it must be new or empty; nothing was written")
        for path, source in taken:
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, out / path)
        (out / sources.README).write_text(NOTE, "utf-8")
        (out / PLACE).parent.mkdir(parents=True)
        (out / PLACE).write_text(workflow(settings), "utf-8")
    except OSError as error:
        raise ServiceError(f"--out {out}: {error.strerror or error}") from None
    return len(taken) + 2


def workflow(settings: dict[str, str]) -> str:
    """The workflow with these values in its first `env`."""
    text = WORKFLOW.read_text("utf-8")
    for name, value in settings.items():
        text = re.sub(rf"^  {name}: .*$", f'  {name}: "{value}"', text, count=1, flags=re.MULTILINE)
    return text
