"""nbgrader's configuration: run nbgrader in this folder. docs/instructors.md says how."""

from pathlib import Path

from course.config import configure

configure(get_config(), Path(__file__).resolve().parent)  # noqa: F821 (nbgrader gives get_config)
