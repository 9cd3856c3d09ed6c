"""The class's page, and one for each pair of submissions that are alike: self-contained HTML.

Made of Jinja2 templates with the report's style sheets. Whatever a submission or an export brings
is escaped.
"""

import statistics
from collections import Counter
from pathlib import Path

from grader.classroom.book import Entry
from grader.classroom.similarity import MOST_PAIRS, Pair, Prints, side_by_side
from grader.client import printable
from grader.framework import REGISTRY
from grader.report import ladder
from grader.report.html import MARKS, WORDS, templates
from grader.results import CheckResult, Result
from simt.profiling.pictures import Picture
from simt.profiling.pictures.svg import Canvas

CAUSES = 3  # of a check, shown
STANDINGS = ("passed", "part", "failed", "skipped", "error")
STRONG = "bubblewrap"  # the isolation that is asked for
FAR = 3.0  # times the middle half's width above it: an outlier
_HERE = Path(__file__).parent


def page(entries: list[Entry], title: str, pairs: list[Pair]) -> str:
    """index.html. pairs: of the entries, by their index."""
    return templates(_HERE).get_template("class.html").render(view(entries, title, pairs))


def pair_page(entries: list[Entry], prints: list[Prints], pair: Pair) -> str:
    """pairs/N.html: both, side by side."""
    sides = [
        {
            "student": printable(entries[index].student.id),
            "files": side_by_side(entries[index].submission, prints[index], pair.shared),
        }
        for index in (pair.first, pair.second)
    ]
    view = {"sides": sides, "share": f"{pair.share:.0%}", "count": len(pair.shared)}
    return templates(_HERE).get_template("pair.html").render(view)


def view(entries: list[Entry], title: str, pairs: list[Pair]) -> dict:
    """What the template shows."""
    shares = [_share(entry) for entry in entries]
    points = [entry.points for entry in entries]
    return {
        "title": printable(title),
        "count": len(entries),
        "mean": f"{statistics.mean(points):.1f}" if points else "–",
        "median": f"{statistics.median(points):.1f}" if points else "–",
        "most": max((entry.result.max_score for entry in entries), default=0),
        "distribution": distribution(shares),
        "checks": [_check(id, entries) for id in _ids(entries)],
        "words": [(name, WORDS[name], MARKS[name]) for name in STANDINGS],
        "leaderboard": leaderboard(entries),
        "flags": by_text([*(f for one in entries for f in flags(one)), *outliers(entries)]),
        "pairs": [
            {
                "number": number,
                "names": [printable(entries[i].student.id) for i in (pair.first, pair.second)],
                "share": f"{pair.share:.0%}",
                "count": len(pair.shared),
            }
            for number, pair in enumerate(pairs, 1)
        ],
        "most_pairs": MOST_PAIRS,
        "students": [_student(entry) for entry in entries],
        "calibration": calibration(entries),
    }


def _share(entry: Entry) -> float:
    most = entry.result.max_score
    return entry.points / most if most else 0.0


def _ids(entries: list[Entry]) -> list[str]:
    found = {check.id for entry in entries for check in entry.result.checks}
    return [id for id in REGISTRY if id in found]


def _student(entry: Entry) -> dict:
    student = entry.student
    return {
        "id": printable(student.id),
        "name": printable(student.name),
        "file": student.file,
        "points": f"{entry.points:g}",
        "late": f"{entry.days_late} d ({entry.factor:.0%})" if entry.days_late else "",
        "attempts": entry.attempts,
        "look": bool(entry.needs_a_look),
        "marks": [(c.id, c.standing, MARKS[c.standing]) for c in entry.result.checks],
    }


# ---------------------------------------------------------------------------- checks


def _check(id: str, entries: list[Entry]) -> dict:
    """How many stand where, and why most of those who lost points did."""
    made = [check for entry in entries for check in entry.result.checks if check.id == id]
    standing = Counter(check.standing for check in made)
    causes = Counter(cause(c) for c in made if c.standing in ("failed", "part"))
    tried = len(made) - standing["skipped"] - standing["error"]
    return {
        "id": id,
        "title": made[0].title,
        "counts": [(name, standing[name]) for name in STANDINGS],
        "rate": f"{(standing['passed'] + standing['part']) / tried:.0%}" if tried else "–",
        "causes": causes.most_common(CAUSES),
    }


def cause(check: CheckResult) -> str:
    """What is likely wrong, in words that do not change with the numbers: the hint's."""
    text = check.hint or check.revisit
    if not text and check.message:
        text = check.message.splitlines()[0][:120]
    return printable(text) or "cause not recognised"


def distribution(shares: list[float]) -> Picture:
    """How many students have 0 to 10 %, 10 to 20 %, ... of the points."""
    bins = [0] * 10
    for share in shares:
        bins[min(9, max(0, int(share * 10)))] += 1
    words = ", ".join(f"{10 * i} to {10 * i + 10} %: {n}" for i, n in enumerate(bins) if n)
    canvas = Canvas(480, 190, f"students by their share of the points: {words or 'none'}")
    most, left, bottom, wide = max(1, *bins), 20, 150, 44
    for i, count in enumerate(bins):
        height = 120 * count / most
        x = left + i * wide
        canvas.rect(x + 2, bottom - height, wide - 4, height, "need", f"{count} students")
        if count:
            canvas.text(x + wide / 2, bottom - height - 5, str(count), "small", "middle")
        canvas.text(x, bottom + 14, str(10 * i), "small soft", "middle")
    canvas.text(left + 10 * wide, bottom + 14, "100 %", "small soft", "middle")
    canvas.line(left, bottom, left + 10 * wide, bottom, "edge")
    canvas.text(left + 5 * wide, bottom + 34, "share of the points", "small soft", "middle")
    return canvas.picture()


# ---------------------------------------------------------------------------- speed


def measured(result: Result) -> dict | None:
    """tokens_per_s, reference_tokens_per_s, ratio, rung of the highest stage that was timed."""
    for check in reversed(result.checks):
        if found := check.evidence.get("ladder"):
            return found
    return None


def leaderboard(entries: list[Entry]) -> dict:
    """Who gave a nickname, and the ladder's rungs, the fastest first.

    Machines differ: a place is the ratio to the rung that was timed in the same sitting, times that
    rung's speed on the ladder's own machine.
    """
    known = ladder.read()
    rows = [
        {"name": one["label"], "rate": one["tokens_per_s"], "kind": "rung", "measured": "",
         "ratio": "", "where": ""}
        for one in known["rungs"].values()
    ]  # fmt: skip
    named = 0
    for entry in entries:
        own = measured(entry.result)
        if not entry.submission.nickname or not own or own["rung"] not in known["rungs"]:
            continue
        named += 1
        place = entry.result.environment
        rows.append({
            "name": printable(entry.submission.nickname),
            "rate": own["ratio"] * known["rungs"][own["rung"]]["tokens_per_s"],
            "kind": "you",
            "measured": f"{own['tokens_per_s']:,.0f}",
            "ratio": f"{own['ratio']:.2f} × {own['rung'].replace('_', ' ')}",
            "where": printable(place.get("timed", place)["device_name"]),
        })  # fmt: skip
    rows.sort(key=lambda row: -row["rate"])
    most = max(row["rate"] for row in rows)
    for row in rows:
        row["bar"] = round(100 * max(0.01, row["rate"] / most), 1)
        row["rate"] = f"{row['rate']:,.0f}"
    return {"rows": rows, "named": named, "machine": known["device"]}


def calibration(entries: list[Entry]) -> list[dict]:
    """Of each kind of machine: how fast the reference was there, in how many gradings."""
    found: dict[tuple[str, str], list[float]] = {}
    for entry in entries:
        if own := measured(entry.result):
            place = entry.result.environment
            name = printable(str(place.get("timed", place)["device_name"]))
            found.setdefault((name, own["rung"]), []).append(own["reference_tokens_per_s"])
    return [
        {
            "machine": machine,
            "rung": rung.replace("_", " "),
            "count": len(rates),
            "median": round(statistics.median(rates), 1),
            "low": round(min(rates), 1),
            "high": round(max(rates), 1),
        }
        for (machine, rung), rates in sorted(found.items())
    ]


# ---------------------------------------------------------------------------- to look at


def flags(entry: Entry) -> list[tuple[str, str]]:
    """(student, what): each is for a person to look at."""
    found = [str(one.get("text", "")) for one in getattr(entry.result, "flags", [])]
    if entry.needs_a_look:
        found.append(entry.needs_a_look.splitlines()[0])
    found += entry.submission.notes
    isolation = str(entry.result.environment["isolation"])
    if not entry.submission.problem and STRONG not in isolation:
        found.append(f"isolation weaker than {STRONG}: {isolation}")
    return [(printable(entry.student.id), printable(text)) for text in found]


def by_text(found: list[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """(what, students), of those that fewest have first."""
    students: dict[str, list[str]] = {}
    for student, text in found:
        students.setdefault(text, []).append(student)
    return sorted(students.items(), key=lambda one: len(one[1]))


def outliers(entries: list[Entry]) -> list[tuple[str, str]]:
    """Speeds far above all others'."""
    ratios = [(own["ratio"], e) for e in entries if (own := measured(e.result))]
    if len(ratios) < 8:
        return []
    low, _, high = statistics.quantiles([ratio for ratio, _ in ratios], n=4)
    bound = high + FAR * max(high - low, 0.02)
    return [
        (printable(e.student.id), f"{ratio:.2f} of the reference's speed: far above the others")
        for ratio, e in ratios
        if ratio > bound
    ]
