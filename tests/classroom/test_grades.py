"""The tables, read back as the services read them."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from grader.classroom import ClassroomError, grades
from grader.classroom.submissions import Student
from tests.classroom import services
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


USERS = [
    {"Student": name, "ID": id, "SIS User ID": sis, "SIS Login ID": login, "Section": "Mo; 8:00"}
    for name, id, sis, login in (
        ('Lovelace, "Ada"', "101", "A-1", "ada"),
        ("Lee, Kim", "102", "A-2", "kim@x.org"),
        ("Lee, Kim", "103", "A-3", "kim2@x.org"),
        ("Ångström, Ådå", "104", "A-4", "ådå"),
        ("Student, Test", "105", "", "f00"),
    )
]


def exported(path: Path) -> Path:
    """The gradebook of USERS as Canvas exports it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, [*USERS[0], "Lab 0 (17)", "Final Score"])
        writer.writeheader()
        writer.writerow({"Student": "    Points Possible", "Lab 0 (17)": "10.00",
                         "Final Score": "(read only)"})  # fmt: skip
        writer.writerows(USERS)
    return path


def test_canvas_imports_it(tmp_path):
    roster = grades.read_roster(exported(tmp_path / "canvas.csv"))
    broken = next(one for one in a_class() if one.needs_a_look)
    kim = replace(entry("kim@x.org", 5.5),
                  student=Student("kim@x.org", "Kim Lee", "kim@x.org", "A-2"))  # fmt: skip
    entries = [entry("ada", 5.0), kim, entry("ådå", 6.0), broken]
    text = grades.canvas(entries, "Lab 1", 100, roster).encode()
    assert services.canvas(text, USERS, "Lab 1") == ({"101": 10, "102": 11, "104": 12}, 100)
    text = grades.canvas([entry("ada", 5.0)], "Lab 1", 100, []).encode()  # with no roster
    assert services.canvas(text, USERS, "Lab 1") == ({"101": 10}, 100)


def test_nobody_gets_the_grade_of_a_namesake(tmp_path):
    """As Canvas says then itself who is not known to it."""
    roster = grades.read_roster(exported(tmp_path / "canvas.csv"))
    same_name = replace(entry("k", 5.0), student=Student("k", "Lee, Kim"))
    for entries in ([same_name], [entry("Ada", 5.0), entry("ada", 6.0)]):
        text = grades.canvas(entries, "Lab 1", 100, roster).encode()
        with pytest.raises(services.Refused, match=r"nobody is|name of several"):
            services.canvas(text, USERS, "Lab 1")


def test_moodle_imports_it():
    entries = [entry("Ada"), entry("bob", 4.0, days_late=1, factor=0.5), entry("ådå")]
    users = [{"username": name} for name in ("ada", "bob", "ådå", "zoe")]
    found = services.moodle(grades.moodle(entries).encode(), "username", users)
    assert {name: grade for name, (grade, _) in found.items()} == {"ada": 14, "bob": 4, "ådå": 14}
    assert found["bob"][1] == "gelu 4/10; linear 0/20; speed 4/10; 1 d late: 50% of 8"
    late = entry("eve", 4.0, days_late=1, factor=0.5)
    late.result.checks[2].extra = True
    assert late.points == 4 and "50% of 8" in grades.feedback(late)
    kim = replace(entry("kim@x.org"), student=Student("kim@x.org", "Kim", "kim@x.org", "A-2"))
    entries = [kim, entry("lee@x.org")]  # a folder that is called by the address
    users = [{"email": name} for name in ("kim@x.org", "lee@x.org")]
    assert len(services.moodle(grades.moodle(entries).encode(), "email", users)) == 2


def test_the_importers_refuse_what_the_services_refuse():
    good = grades.canvas([entry("ada", 5.0)], "Lab 1", 100, []).encode()
    for old, new, told in (
        ("Student,ID", "ID,Student", "header"),
        (",Section", "", "as many cells"),
        ("Lab 1", "Final Score", "computed"),
        ("10.0", "", "would be removed"),
        ("ada", "\udcff", "nobody"),
    ):
        bad, title = good.decode().replace(old, new), "Lab 1".replace(old, new)
        with pytest.raises(services.Refused, match=told):
            services.canvas(bad.encode("utf-8", "backslashreplace"), USERS, title)
    with pytest.raises(services.Refused, match="decode"):
        services.canvas(good.replace(b"ada", b"\xff"), USERS, "Lab 1")
    users = [{"username": "ada"}]
    above = grades.moodle([entry("ada", 60.0)]).encode()
    with pytest.raises(services.Refused, match="above the maximum"):
        services.moodle(above, "username", users)
    assert services.moodle(above, "username", users, unlimited=True)
    with pytest.raises(services.Refused, match="mapping error"):
        services.moodle(grades.moodle([entry("eve")]).encode(), "username", users)


def test_who_needs_a_look_gets_no_grade_by_itself():
    hostile = next(one for one in a_class() if one.needs_a_look)
    assert table(grades.grades([hostile]))[0]["needs_a_look"]
    assert not table(grades.moodle([hostile]))
    assert len(grades.canvas([hostile], "x", 1, []).splitlines()) == 2  # nobody's line


def test_gradescope_results_are_what_its_documentation_asks_for():
    schema = json.loads(SCHEMA.read_text())
    for one in a_class():
        document = json.loads(grades.gradescope_results(one))
        jsonschema.validate(document, schema)
        assert document["score"] == one.points
    late = json.loads(grades.gradescope_results(entry("x", 8.0, days_late=2, factor=0.8)))
    assert "2 days late: 80%" in late["output"]
