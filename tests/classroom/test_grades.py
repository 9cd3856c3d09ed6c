"""The tables, read back as the services read them."""

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest

from grader.classroom import ClassroomError, grades
from tests.classroom.samples import a_class, entry

SCHEMA = Path(__file__).parents[1] / "grader" / "gradescope.schema.json"


def table(text: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(text)))


def test_grades_csv():
    lines = table(grades.grades(a_class()))
    assert list(lines[0])[:14] == list(grades.COLUMNS)
    assert len(lines) == len(a_class()) and {"gelu", "linear", "speed"} <= set(lines[0])
    by_name = {line["student"]: line for line in lines}
    late = by_name["late"]
    assert (late["points"], late["score"], late["factor"], late["days_late"]) == (
        "12.8", "16.0", "0.8", "2")  # fmt: skip
    assert by_name["ada"]["gelu"] == "9.0" and by_name["ada"]["linear"] == "0"


def test_no_cell_is_a_formula_for_a_spreadsheet():
    for text in (grades.grades(a_class()), grades.moodle(a_class()),
                 grades.canvas(a_class(), "=lab", 100, [])):  # fmt: skip
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t"))]
        assert not [cell for cell in cells if "\n" in cell]
        assert any(cell.startswith("'=") for cell in cells) or "username" in text


def test_canvas_by_its_own_export(tmp_path):
    """https://community.canvaslms.com: Student, ID, SIS User ID, SIS Login ID, Section, then the
    assignment; a second line with the points possible."""
    path = tmp_path / "canvas.csv"
    path.write_text(
        "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Lab 0 (17)\n"
        "    Points Possible,,,,,10\n"
        '"Lovelace, Ada",101,A-1,ada,Monday,3\n"Babbage, Bob",102,A-2,bob,,\n'
    )
    text = grades.canvas(
        [entry("ada", 5.0), entry("A-2", 6.0), entry("zoe")], "Lab 1", 100, grades.read_roster(path)
    )
    header, possible, *lines = csv.reader(io.StringIO(text))
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 1"]
    assert possible == ["    Points Possible", "", "", "", "", "100"]
    assert lines[0] == ["Lovelace, Ada", "101", "A-1", "ada", "Monday", "10.0"]
    assert lines[1][:4] == ["Babbage, Bob", "102", "A-2", "bob"]
    assert lines[2][:4] == ["zoe", "", "", "zoe"]
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ClassroomError, match=r"Gradebook . Export"):
        grades.read_roster(path)


def test_who_needs_a_look_gets_no_grade_by_itself():
    hostile = next(one for one in a_class() if one.needs_a_look)
    assert table(grades.grades([hostile]))[0]["needs_a_look"]
    assert not table(grades.moodle([hostile]))
    assert list(csv.reader(io.StringIO(grades.canvas([hostile], "x", 1, []))))[-1][-1] == ""


def test_gradescope_results_are_what_its_documentation_asks_for():
    schema = json.loads(SCHEMA.read_text())
    for one in a_class():
        document = json.loads(grades.gradescope_results(one))
        jsonschema.validate(document, schema)
        assert document["score"] == one.points
    late = json.loads(grades.gradescope_results(entry("x", 8.0, days_late=2, factor=0.8)))
    assert "2 days late: 80%" in late["output"]
