"""Makes a class: submissions right, slow, unusual, wrong and hostile, no two of them the same."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.grading import slowed
from gallery.attacks.entries import Attack, attacks
from gallery.entries import SOLUTIONS, Mistake, mistakes, submission, unusual, unusual_submission

# What an attack would like to reach: nothing of it is there.
NOWHERE = {
    "@BASE@": "/nonexistent/base",
    "@CLASSMATE@": "/nonexistent/classmate",
    "@HOME@": "/nonexistent/home",
    "@OWN HOME@": "/nonexistent/home",
    "@SECRET@": "/nonexistent/secret",
    "@ROOT@": "/nonexistent/root",
    "@MARK@": "class-mark",
    "@PORT@": "9",
    "@DEEP@": "-" * 100_000 + "1",
}
COMMENTS = {"gpt.cu": "//", "kv_cache.py": "#"}
# In a dozen students: what each hands in.
DOZEN = ("right", "wrong", "wrong", "unusual", "hostile", "wrong", "slow", "wrong", "hostile",
         "wrong", "hostile", "unusual")  # fmt: skip
Make = Callable[[Path], None]


def names(count: int) -> list[str]:
    """Of a class's students: what each hands in, and a number."""
    kinds = zip(range(count), itertools.cycle(DOZEN), strict=False)
    return [f"{kind}-{number:04}" for number, kind in kinds]


def make(folder: Path, count: int) -> None:
    """`count` submissions in a new folder. Every seventh is a zip, and every third has a nickname.

    Raises OSError where the folder can't be made.
    """
    folder.mkdir(parents=True)
    kinds = {
        "right": itertools.cycle([_right]),
        "slow": (_slow(percent) for percent in itertools.cycle((15, 40, 100, 300))),
        "wrong": map(_wrong, itertools.cycle(spread(mistakes(), lambda one: one.topic))),
        "unusual": map(_unusual, itertools.cycle(unusual())),
        "hostile": map(_hostile, itertools.cycle(spread(attacks(), lambda one: one.topic))),
    }
    for number, name in enumerate(names(count)):
        kind = name.partition("-")[0]
        place = folder / name
        next(kinds[kind])(place)
        _tell_apart(place, number)
        if number % 3 == 0:
            (place / "nickname.txt").write_text(f"Nick {number}\n")
        if number % 7 == 0 and kind != "hostile":
            shutil.make_archive(str(place), "zip", place)
            shutil.rmtree(place)


def spread(entries: list, topic: Callable) -> list:
    """The first of each topic, then the second of each, ...: a few of them are of all topics."""
    topics: dict[str, list] = {}
    for one in entries:
        topics.setdefault(topic(one), []).append(one)
    rows: Iterator[tuple] = itertools.zip_longest(*topics.values())
    return [one for row in rows for one in row if one is not None]


def _right(place: Path) -> None:
    submission(place)


def _slow(percent: int) -> Make:
    return lambda place: slowed(SOLUTIONS, place, percent)


def _wrong(mistake: Mistake) -> Make:
    return lambda place: submission(place, mistake.file, mistake.changes)


def _unusual(path: Path) -> Make:
    return lambda place: unusual_submission(place, path)


def _hostile(attack: Attack) -> Make:
    def made(place: Path) -> None:
        parent = place.parent / f".{place.name}"
        parent.mkdir()
        attack.make(parent, NOWHERE).rename(place)
        shutil.rmtree(parent)

    return made


def _tell_apart(place: Path, number: int) -> None:
    """A comment, so that no grading stands for two."""
    for name, mark in COMMENTS.items():
        path = place / name
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 20:
            with path.open("ab") as file:
                file.write(f"\n{mark} {number}\n".encode())
