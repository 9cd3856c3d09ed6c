"""What is recognised in a folder of submissions, and what is refused."""

import os
import stat
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grader.classroom import ClassroomError, reading
from grader.classroom.layouts import collect, parse_time
from grader.classroom.submissions import Student, nickname_of

FILES = {"gpt.cu": "// kernels\n", "kv_cache.py": "# cache\n"}


def write(folder: Path, files: dict[str, str] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (files or FILES).items():
        (folder / name).write_text(text)
    return folder


def zipped(path: Path, files: dict[str, str]) -> zipfile.ZipFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def only(folder: Path):
    (one,) = collect(folder)
    return one


def test_folders_and_zips(tmp_path):
    write(tmp_path / "ada", FILES | {"nickname.txt": "Countess\n", "notes.pdf": "x"})
    write(tmp_path / "bob" / "starter")
    zipped(tmp_path / "cleo.zip", {f"my work/{name}": text for name, text in FILES.items()})
    write(tmp_path / ".git", {"config": ""})
    ada, bob, cleo = collect(tmp_path)
    assert [one.student.id for one in (ada, bob, cleo)] == ["ada", "bob", "cleo"]
    assert ada.nickname == "Countess" and bob.nickname == ""
    assert set(ada.files) == set(bob.files) == set(cleo.files) == set(FILES)
    assert ada.digest == bob.digest == cleo.digest  # a nickname is no work
    write(tmp_path / "bob" / "starter", {"gpt.cu": "// other\n"})
    assert collect(tmp_path)[1].digest != ada.digest


def test_several_of_one_student_come_in_the_order_of_their_times(tmp_path):
    for day in (3, 1, 2):
        write(tmp_path / "ada" / f"2026-03-0{day}_10-00-00", {"gpt.cu": f"// {day}\n"})
    zipped(tmp_path / "bob" / "b.zip", FILES)
    zipped(tmp_path / "bob" / "a.zip", {"gpt.cu": ""})
    os.utime(tmp_path / "bob" / "a.zip", (2e9, 2e9))
    os.utime(tmp_path / "bob" / "b.zip", (1e9, 1e9))
    found = collect(tmp_path)
    assert [one.files["gpt.cu"] for one in found[:3]] == [b"// 1\n", b"// 2\n", b"// 3\n"]
    assert [one.label for one in found[3:]] == ["bob/b.zip", "bob/a.zip"]


def test_nbgrader(tmp_path):
    stamped = FILES | {"timestamp.txt": "2026-03-01 15:58:23.948203 UTC"}
    write(tmp_path / "submitted" / "ada" / "1_gelu", stamped)
    write(tmp_path / "submitted" / "ada" / "2_layernorm")
    with pytest.raises(ClassroomError, match="several assignments: 1_gelu, 2_layernorm"):
        collect(tmp_path)
    (one,) = collect(tmp_path, "1_gelu")
    assert one.time == datetime(2026, 3, 1, 15, 58, 23, tzinfo=UTC)
    assert one.student.id == "ada"


def test_an_assignment_asked_for_where_folders_are_plain(tmp_path):
    write(tmp_path / "ada")
    write(tmp_path / "bob" / "starter")
    write(tmp_path / "cleo" / "2026-03-01")
    zipped(tmp_path / "dan.zip", FILES)
    write(tmp_path / "eve" / "2_layernorm")  # she has not handed it in
    found = collect(tmp_path, "1_gelu")
    assert [one.student.id for one in found] == ["ada", "bob", "cleo", "dan"]


def test_gradescope(tmp_path):
    write(tmp_path / "submission_11")
    (tmp_path / "submission_metadata.yml").write_text(
        "submission_11:\n"
        "  :submitters:\n"
        "  - :name: Ada L.\n    :sid: '007'\n    :email: ada@x.org\n"
        "  - :name: Bob\n    :sid: \n    :email: bob@x.org\n"
        "  :created_at: 2026-03-01 12:00:00.000000000 Z\n"
        "  :score: 3.0\n"
        "submission_12:\n  :submitters:\n  - :name: Cleo\n    :email: c@x.org\n"
        "  :created_at: 2026-03-02 12:00:00 +01:00\n"
    )
    ada, bob, cleo = collect(tmp_path)
    assert ada.student == Student("ada@x.org", "Ada L.", "ada@x.org", "007")
    assert ada.digest == bob.digest and ada.time.hour == 12
    assert "not there" in cleo.problem and cleo.time.astimezone(UTC).hour == 11


@pytest.mark.parametrize(
    "text", ["[1, 2]", "a: b: c", "submission_1: {}", "!!python/object:os.x {}"]
)
def test_a_wrong_metadata_file_is_refused(text, tmp_path):
    (tmp_path / "submission_metadata.yml").write_text(text)
    with pytest.raises(ClassroomError, match="submission_metadata"):
        collect(tmp_path)


def test_a_zip_can_not_lead_out_or_link(tmp_path):
    path = zipped(
        tmp_path / "in" / "eve.zip",
        FILES | {"../../evil.py": "x", "/etc/evil.py": "x", "a/..\\..\\evil.py": "x"},
    )
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("secret.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    one = only(tmp_path / "in")
    assert set(one.files) == set(FILES)
    assert sum("leads out" in note for note in one.notes) == 3
    assert any("secret.py is a link" in note for note in one.notes)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["eve.zip", "in"]


def test_links_in_a_folder_are_not_followed(tmp_path):
    secret = write(tmp_path / "other", {"gpt.cu": "a classmate's"})
    eve = write(tmp_path / "in" / "eve", {"kv_cache.py": "# own\n"})
    (eve / "gpt.cu").symlink_to(secret / "gpt.cu")
    (eve / "more").symlink_to(secret)
    (tmp_path / "in" / "mallory").symlink_to(secret)
    one = only(tmp_path / "in")
    assert one.files == {"kv_cache.py": b"# own\n"}
    assert one.notes == ("gpt.cu is a link: left out",)


def test_sizes_are_bounded_whatever_a_zip_says(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST", 1000)
    bomb = zipped(tmp_path / "a" / "eve.zip", FILES | {"big.cuh": "0" * 10_000_000})
    assert bomb.stat().st_size < 20_000
    assert "too large" in only(tmp_path / "a").problem
    many = {f"f{i}.h": "" for i in range(reading.MOST_FILES + 1)}
    zipped(tmp_path / "b" / "eve.zip", FILES | many)
    assert "too large" in only(tmp_path / "b").problem


def packed(folder: Path, more: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """eve.zip with a gpt.cu and more; a name may be one that no archive should have."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "eve.zip", "w") as archive:
        archive.writestr("gpt.cu", FILES["gpt.cu"])
        for name, data in more.items():
            archive.writestr(zipfile.ZipInfo(name if name.strip("./") else "x"), data, method)
            archive.filelist[-1].filename = name
    return folder


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_unpacks_without_a_bound_is_not_unpacked(method, tmp_path):
    folder = packed(tmp_path / "in", {"big.cuh": bytes(30_000_000)}, method)
    assert (folder / "eve.zip").stat().st_size < 10_000
    tracemalloc.start()
    one = only(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert set(one.files) == {"gpt.cu"} and "unusual way" in one.notes[0] and peak < 5_000_000


@pytest.mark.parametrize(
    ("name", "told"),
    [(".", ""), ("", ""), ("/", ""), ("a" * 250 + ".py", ""), ("d/" * 120 + "x.h", ""),
     ("gpt.cu/x.cu", "a file and a folder")],
)  # fmt: skip
def test_no_name_in_a_zip_stops_the_class(name, told, tmp_path):
    one = only(packed(tmp_path / "in", {name: b"// x"}))
    assert told in one.problem if told else set(one.files) == {"gpt.cu"}
    assert one.digest


def test_no_name_or_time_on_a_disk_stops_the_class(tmp_path):
    here = os.fsencode(tmp_path)
    os.mkdir(here + b"/ad\xff")
    for name in (b"gpt.cu", b"\xff.py"):
        with open(here + b"/ad\xff/" + name, "w") as file:
            file.write("// mine")
    os.utime(write(tmp_path / "bob") / "gpt.cu", (4e11, 4e11))  # the year 14645
    ada, bob = collect(tmp_path)
    assert ada.student.id == "ad\\xff" and set(ada.files) == {"gpt.cu"}
    assert "no text" in ada.notes[0] and ada.digest and ada.student.file
    assert bob.time.year < 10_000 and not bob.problem


def test_what_keeps_the_grader_out_is_a_result_too(tmp_path, monkeypatch):
    for name in ("ada", "bob", "cleo"):
        write(tmp_path / name)
    opened, listed = reading.os.open, Path.is_file

    def refuse(path, *_):
        if "bob" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *_)

    def unlisted(self):
        if self.parent.name == "cleo":
            raise PermissionError(13, "Permission denied", str(self))
        return listed(self)

    monkeypatch.setattr(reading.os, "open", refuse)
    monkeypatch.setattr(Path, "is_file", unlisted)
    ada, bob, cleo = collect(tmp_path)
    assert not ada.problem
    assert all(one.problem == "gpt.cu can't be read: Permission denied." for one in (bob, cleo))


def test_what_can_not_be_read_says_so_and_stops_nobody(tmp_path):
    (tmp_path / "ada.zip").write_bytes(b"PK\x03\x04 no zip")
    good = zipped(tmp_path / "bob.zip", FILES).read_bytes()
    half = len(good) // 3
    (tmp_path / "bob.zip").write_bytes(good[:40] + bytes(20) + good[60:])
    (tmp_path / "cleo.zip").write_bytes(good[:half])
    write(tmp_path / "dan", {"gelu.cu": "", "readme.txt": ""})
    write(tmp_path / "eve" / "a")
    write(tmp_path / "fay")
    found = {one.student.id: one for one in collect(tmp_path)}
    assert all(found[id].problem for id in ("ada", "bob", "cleo", "dan"))
    assert "There is: gelu.cu, readme.txt." in found["dan"].problem
    assert not found["eve"].problem and not found["fay"].problem
    assert "zip" in found["ada"].problem


def test_folders_that_hold_no_class_are_refused(tmp_path):
    with pytest.raises(ClassroomError, match="holds no submissions"):
        collect(tmp_path)
    with pytest.raises(ClassroomError, match="there is no folder"):
        collect(tmp_path / "none")
    with pytest.raises(ClassroomError, match="itself a submission"):
        collect(write(tmp_path / "ada"))


def test_nicknames_are_short_and_printable():
    assert nickname_of(b"  A\x1b[31mB\x00 \xff\nsecond line").startswith("A")
    assert "\x1b" not in nickname_of(b"a\x1b[31m") and "\n" not in nickname_of(b"a\nb")
    assert len(nickname_of(b"x" * 500)) == 24 and nickname_of(b"\n\n") == ""
    assert "\u202e" not in nickname_of("a\u202eb".encode())  # turns the text's direction around


def test_each_student_has_a_file_name_of_its_own():
    ids = ["ada", "../x", "..", "a/b", "a b", "a-b", "Ådå", ".hidden", "x" * 300, "ada@x.org", ""]
    names = [Student(id).file for id in ids]
    assert len(set(names)) == len(names)
    assert all("/" not in name and not name.startswith(".") and len(name) < 90 for name in names)


def test_times():
    assert parse_time("2026-03-01").isoformat() == "2026-03-01T00:00:00+00:00"
    assert parse_time("2026-03-01T10:20+01:00").isoformat() == "2026-03-01T10:20:00+01:00"
    assert parse_time("2026-13-01") is None and parse_time("lab 1") is None
