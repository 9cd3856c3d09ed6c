"""Imports a table of grades as Canvas and Moodle do, and refuses what they would refuse.

Canvas: https://community.canvaslms.com, "How do I import grades in the Gradebook?": a header with
Student, ID, SIS User ID, SIS Login ID and Section in this order (between them only Integration ID
and Root Account), then columns of grades; perhaps a line with the points possible. What Canvas
computes itself ("Final Score", ...) is no assignment. Its importer looks a student up by ID, SIS
User ID, SIS Login ID, then by name; an empty cell removes the grade that is there.

Moodle: https://docs.moodle.org/en/Grade_import: one header line, UTF-8, as many cells in every
line; one column is mapped to users by username, address or ID number, written exactly as in Moodle.
One user who is not found, or a grade above 100 (unless the site has unlimited grades), ends the
whole import.
"""

import csv
import io
import re

COMPUTED = re.compile(r"(Current|Final|Override) (Score|Points|Grade|Status)")
MOST = 100.0


class Refused(Exception):
    """The service would not take it, or not as it is meant."""


def need(condition: object, told: str) -> None:
    if not condition:
        raise Refused(told)


def table(text: bytes) -> list[list[str]]:
    """The cells. Raises Refused."""
    try:
        rows = list(csv.reader(io.StringIO(text.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(str(error)) from None
    need(rows and len(rows[0]) > 1, "fewer than two columns")
    need({len(row) for row in rows} == {len(rows[0])}, "not as many cells in every line")
    return rows


def canvas(text: bytes, users: list[dict], assignment: str) -> tuple[dict[str, float], float]:
    """(ID of each user -> grade, points possible). users: the lines of Canvas's own export."""
    header, *rows = table(text)
    named = re.fullmatch(
        "Student,ID,(SIS User ID,)?SIS Login ID,(Integration ID,)?(Root Account,)?Section,(.+)",
        ",".join(header),
    )
    need(named, f"Invalid header row: {header}")
    column = header.index(assignment)
    need(column > header.index("Section"), f"{assignment} is no column of grades")
    need(header.count(assignment) == 1, f"{assignment} is there twice")
    need(not COMPUTED.search(assignment), f"{assignment} is computed by Canvas")
    possible, grades = 0.0, {}
    for row in rows:
        line = dict(zip(header, row, strict=True))
        if "Points Possible" in line["Student"]:
            need(not any(row[1:column]), "the line of the points possible names somebody")
            possible = _number(row[column])
            continue
        user = _canvas_user(line, users)
        need(user["ID"] not in grades, f"{user['Student']} is there twice: {line}")
        need(row[column].strip(), f"{user['Student']}'s grade would be removed")
        grades[user["ID"]] = _number(row[column])
    return grades, possible


def _canvas_user(line: dict, users: list[dict]) -> dict:
    for column in ("ID", "SIS User ID", "SIS Login ID", "Student"):
        found = [one for one in users if line.get(column) and one[column] == line[column]]
        if found:
            need(len(found) == 1, f"{line[column]} is the name of several")
            return found[0]
    raise Refused(f"nobody is {line}")


def moodle(text: bytes, by: str, users: list[dict], unlimited: bool = False) -> dict[str, tuple]:
    """User's `by` -> (grade, feedback). by: the column that is mapped to users, and its field."""
    header, *rows = table(text)
    need(len(set(map(str.strip, header))) == len(header), "two columns have one name")
    known, found = {one[by] for one in users}, {}
    for row in rows:
        line = {name.strip(): cell.strip() for name, cell in zip(header, row, strict=True)}
        need(line[by], f"no {by}: {line}")  # its grade could become another one's
        need(line[by] in known, f"User mapping error: {by} of {line[by]}")
        need(line[by] not in found, f"{line[by]} is there twice")
        grade = _number(line["grade"])
        need(unlimited or grade <= MOST, f"{grade} is above the maximum, {MOST}")
        found[line[by]] = grade, line["feedback"]
    return found


def _number(text: str) -> float:
    need(re.fullmatch(r"\d+(\.\d+)?", text.strip()), f"{text!r} is no number of points")
    return float(text)
