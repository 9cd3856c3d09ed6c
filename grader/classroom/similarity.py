"""Which submissions' kernels are alike: winnowing of their tokens.

Names are all alike to it, and so are numbers: to rename, to reformat and to move whole functions
changes nothing. What the starter has, and what many wrote, counts for nobody. Two fingerprints in
common prove nothing: kernels of twenty lines are alike by nature. A person reads the pairs.

Schleimer, Wilkerson, Aiken: Winnowing: local algorithms for document fingerprinting, SIGMOD 2003.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from grader.classroom.submissions import Submission
from grader.make_starter import FILES
from mingpt.paths import ROOT
from simt.rewrite.tokens import Source

TOKENS = 20  # of a fingerprint: shorter passages that are the same are not seen
WINDOW = 12  # of so many fingerprints one is kept: TOKENS + WINDOW - 1 tokens in common are seen
COMMON = 0.3  # what more of the submissions have than this share is the task's own
FEWEST = 6  # submissions that have it, at least
LEAST = 10  # fingerprints that a pair has in common
SHOWN = 0.5  # of the smaller one's fingerprints, in common: independent work has less
MOST_PAIRS = 50
LONGEST = 60_000  # characters of a file that are read
KERNELS = (".cu", ".cuh")

# Words that keep their meaning, whatever a program is about. All other names are one.
_KEPT = """
if else for while do return break continue switch case sizeof static const float double int void
bool char unsigned size_t auto template struct extern nullptr NULL __global__ __device__ __shared__
__restrict__ __syncthreads __syncwarp __shfl_sync __shfl_down_sync __shfl_xor_sync threadIdx
blockIdx blockDim gridDim warpSize dim3 float2 float4 x y z w atomicAdd tanhf expf sqrtf rsqrtf fmaf
max min
"""
KEPT = frozenset(_KEPT.split())


@dataclass(frozen=True)
class Prints:
    """Of one submission. places: fingerprint -> lines (path, first, last)."""

    places: dict[int, list[tuple[str, int, int]]]


@dataclass(frozen=True)
class Pair:
    """Two submissions (by their index) with what they have in common."""

    first: int
    second: int
    shared: frozenset[int]
    share: float  # of the smaller one's fingerprints


def find_pairs(submissions: list[Submission]) -> tuple[list[Pair], list[Prints]]:
    """The pairs that are most alike, and each submission's fingerprints that count."""
    known = starter_hashes()
    raw = [prints_of(one.files) for one in submissions]
    have = Counter(mark for one in raw for mark in one.places)
    most = max(FEWEST, COMMON * len(submissions))
    prints = [
        Prints({m: at for m, at in one.places.items() if m not in known and have[m] < most})
        for one in raw
    ]
    best = heapq.nlargest(MOST_PAIRS, _alike(prints), key=_order)
    places = [one.places for one in prints]
    pairs = [
        Pair(first, second, frozenset(places[first].keys() & places[second].keys()), share)
        for first, second, _, share in best
    ]
    return pairs, prints


def _order(alike: tuple[int, int, int, float]) -> tuple[float, int, int, int]:
    """The most alike is the largest; of equals, the one that comes first."""
    first, second, common, share = alike
    return share, common, -first, -second


def _alike(prints: list[Prints]) -> Iterator[tuple[int, int, int, float]]:
    """(first, second, fingerprints in common, share) of each pair that is alike enough.

    One submission after the other: memory grows with the class, not with its square.
    """
    listed: dict[int, list[int]] = defaultdict(list)
    for index, one in enumerate(prints):
        for mark in one.places:
            listed[mark].append(index)
    owners = {mark: np.array(those) for mark, those in listed.items()}
    sizes = np.array([len(one.places) for one in prints])
    for first, one in enumerate(prints):
        if not one.places:
            continue
        found = np.concatenate([owners[mark] for mark in one.places])
        common = np.bincount(found, minlength=len(prints))
        share = common / np.maximum(1, np.minimum(sizes[first], sizes))
        for second in np.flatnonzero((common >= LEAST) & (share >= SHOWN)):
            if second > first:
                yield first, int(second), int(common[second]), float(share[second])


def starter_hashes() -> set[int]:
    """All that the starter has, fingerprint or not."""
    folder = ROOT / "starter"
    paths = [folder / name for name in FILES if (folder / name).is_file()]
    return {
        mark
        for path in paths
        if path.suffix in KERNELS
        for mark, _, _ in _hashes(path.read_text("utf-8"))
    }


def prints_of(files: dict[str, bytes]) -> Prints:
    """The fingerprints of the kernels among a submission's files."""
    places: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for path, data in sorted(files.items()):
        if path.endswith(KERNELS):
            text = data.decode("utf-8", "replace")[:LONGEST]
            for mark, first, last in winnowed(list(_hashes(text))):
                places[mark].append((path, first, last))
    return Prints(dict(places))


def winnowed(hashes: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Of each window the smallest, the last one of equals; each place once."""
    last = -1
    for start in range(max(1, len(hashes) - WINDOW + 1) if hashes else 0):
        window = range(start, min(start + WINDOW, len(hashes)))
        chosen = min(window, key=lambda i: (hashes[i][0], -i))
        if chosen != last:
            last = chosen
            yield hashes[chosen]


def _hashes(text: str) -> Iterator[tuple[int, int, int]]:
    """(hash, first line, last line) of each run of TOKENS tokens; directives are none."""
    tokens = [token for token in Source(text).tokens if not token.directive]
    words = [_normal(token.kind, token.text) for token in tokens]
    lines = _lines(text, [token.start for token in tokens])
    for i in range(len(words) - TOKENS + 1):
        run = "\0".join(words[i : i + TOKENS]).encode()
        mark = int.from_bytes(blake2b(run, digest_size=8).digest(), "big")
        yield mark, lines[i], lines[i + TOKENS - 1]


def _normal(kind: str, text: str) -> str:
    if kind == "name":
        return text if text in KEPT else "a"
    return {"number": "0", "string": '""', "char": "''"}.get(kind, text)


def _lines(text: str, starts: Iterable[int]) -> list[int]:
    """The line, from 1, of each offset; offsets rise."""
    found, line, before = [], 1, 0
    for start in starts:
        line += text.count("\n", before, start)
        before = start
        found.append(line)
    return found


def side_by_side(submission: Submission, prints: Prints, shared: frozenset[int]) -> list[dict]:
    """A submission's kernels by file: lines with whether the other one has them too."""
    marked: dict[str, set[int]] = defaultdict(set)
    for mark in shared:
        for path, first, last in prints.places[mark]:
            marked[path].update(range(first, last + 1))
    return [
        {
            "path": path,
            "lines": [
                (number, line, number in marked[path])
                for number, line in enumerate(
                    data.decode("utf-8", "replace")[:LONGEST].split("\n"), 1
                )
            ],
        }
        for path, data in sorted(submission.files.items())
        if path.endswith(KERNELS)
    ]
