"""The files of a submission, looked at before anything opens them."""

import stat
from pathlib import Path

from grader.outcome import Failure

LARGEST = 4 << 20  # bytes of a source file


def check_file(submission: Path, name: str) -> None:
    """Raises Failure for anything but a file of the submission's own that can be read.

    A link within the folder is one; one that leads out may be somebody else's work.
    """
    path = submission / name
    try:
        resolved = path.resolve(strict=True)
        about = resolved.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, until Python 3.13
        why = getattr(error, "strerror", None) or "a link that leads in circles"
        raise Failure(f"{name} can't be opened: {why}.", "Hand in the file itself.") from None
    if submission.resolve() not in resolved.parents:
        raise Failure(
            f"{name} is a link that leads out of the submission.",
            "Hand in the file itself, not a link to one elsewhere.",
        )
    if not stat.S_ISREG(about.st_mode):
        what = "a folder" if stat.S_ISDIR(about.st_mode) else "a pipe, a socket or a device"
        raise Failure(f"{name} is {what}: it must be a file.")
    if about.st_size > LARGEST:
        raise Failure(
            f"{name} has {about.st_size:,} bytes; at most {LARGEST:,} are read.",
            "A source file is a text of some pages. Is it the right one?",
        )
    try:
        with resolved.open("rb"):
            pass
    except OSError as error:
        raise Failure(
            f"{name} can't be read: {error.strerror}.", "Its permissions keep the grader out."
        ) from None
