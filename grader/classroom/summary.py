"""class.json: the class for programs. One document of each student lies in results/."""

import json

from grader.classroom.book import Entry
from grader.classroom.page import calibration
from grader.classroom.similarity import Pair

VERSION = 1


def text(entries: list[Entry], title: str, pairs: list[Pair]) -> str:
    """The file's text."""
    document = {
        "version": VERSION,
        "title": title,
        "students": [
            {
                "student": entry.student.id,
                "document": f"results/{entry.student.file}.json",
                "points": entry.points,
                "days_late": entry.days_late,
                "factor": entry.factor,
                "submission": entry.submission.digest,
                "submitted": entry.submission.time.isoformat(),
                "attempts": entry.attempts,
                "needs_a_look": entry.needs_a_look,
            }
            for entry in entries
        ],
        "calibration": calibration(entries),
        "alike": [
            {
                "students": [entries[i].student.id for i in (pair.first, pair.second)],
                "share": round(pair.share, 3),
                "passages": len(pair.shared),
            }
            for pair in pairs
        ],
    }
    return json.dumps(document, indent=1) + "\n"
