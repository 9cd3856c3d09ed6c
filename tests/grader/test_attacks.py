"""The gallery of attacks: each gets the verdict that it must. And its judge sees what is wrong.

Eight of them, one of each kind; by make test-all (or make attacks) all.
"""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from gallery.attacks import __main__ as command
from gallery.attacks import entries, reports, setting, tables, verdict
from gallery.entries import GalleryError
from grader.isolation import choice, levels
from tests import whole

ALL = entries.attacks()
NAMED = {attack.name: attack for attack in ALL}
GRADED = ALL if whole.ALL else [NAMED[name] for name in command.QUICK]

pytestmark = pytest.mark.skipif(
    choice.in_force("cpu").name == levels.PROCESS, reason="no isolation that attacks are stopped by"
)


@pytest.fixture(scope="module")
def cache():
    with setting.private_cache() as folder:
        yield folder


@pytest.mark.parametrize("attack", GRADED, ids=lambda attack: attack.name)
def test_an_attack_comes_to_nothing(attack, cache):
    judged = verdict.judge(attack, cache)
    assert judged.right, tables.details(judged)


def test_every_attack_can_be_made(tmp_path):
    assert len(ALL) >= 100
    for number, attack in enumerate(ALL):
        parent = tmp_path / str(number)
        (parent / "classmate").mkdir(parents=True)
        places = {
            name: "x" for name in ("@BASE@", "@PORT@", "@MARK@", "@HOME@", "@OWN HOME@", "@SECRET@")
        }
        places |= {"@CLASSMATE@": str(parent / "classmate"), "@ROOT@": "x", "@DEEP@": "1"}
        made = attack.make(parent, places)
        assert os.path.lexists(made / "gpt.cu") or os.path.lexists(made / "kv_cache.py")


def test_the_page_lists_them():
    assert tables.page(ALL) == tables.PAGE.read_text(), "python -m gallery.attacks --docs"


# --------------------------------------------------------------------------------- the judge


def changed(name: str, **fields) -> entries.Attack:
    return dataclasses.replace(NAMED[name], **fields)


def test_what_gets_through_is_seen(cache):
    """The same attack with a harmless way to say that it got through, and another verdict due."""
    honest = changed("a higher priority", gelu='    reached("its aim");', must="failed", says="no")
    judged = verdict.judge(dataclasses.replace(honest, hides="its aim"), cache)
    wrong = " | ".join(judged.wrong)
    assert "it printed REACHED its aim" in wrong and "passed 10/10, and it must be failed" in wrong
    assert "nothing like 'no' was said" in wrong and "the reports have 'its aim'" in wrong
    assert len(judged.wrong) == 4, wrong


def test_an_attack_that_does_not_run_is_seen(cache):
    idle = changed("exit(0)", gelu="", top="static int unused = 0;", must="harmless", says="")
    judged = verdict.judge(idle, cache)
    assert judged.wrong == ("it was not tried: its code did not run",)


def test_a_process_that_lives_on_is_seen_and_ended():
    leave = "import os, time; os.fork() or (os.setsid(), os.fork() or time.sleep(60))"
    with setting.adopting() as known:
        subprocess.run([sys.executable, "-c", leave], check=True)
        (said,) = setting.left_over(known)
        assert said.startswith("left alive: 1 processes (python")
        assert setting.left_over(known) == []


@pytest.mark.parametrize(
    ("number", "named"), [(signal.SIGKILL, "killed by SIGKILL"), (signal.SIGSTOP, "was stopped")]
)
def test_a_grader_that_is_ended_is_seen(number, named, monkeypatch, cache):
    """The grader's process sends itself what an attack would send it."""
    with setting.adopting(), setting.setting() as place:
        code = f"import os; os.kill(os.getpid(), {int(number)})"
        popen = subprocess.Popen
        monkeypatch.setattr(
            verdict.subprocess,
            "Popen",
            lambda command, **options: popen([sys.executable, "-c", code], **options),
        )
        with pytest.raises(verdict.GraderDied, match=named):
            verdict.graded(place.base / "clean", ("gelu",), True, place, cache)


def test_what_changes_around_it_is_seen(tmp_path, cache):
    with setting.setting() as place:
        before = place.state(("classmate", "home", "temporary"), cache)
        assert setting.differences(before, place.state(tuple(before)[:3], cache)) == []
        (place.base / "classmate" / "kv_cache.py").write_text("changed")
        (place.base / "home" / "secret").unlink()
        (place.base / "temporary" / "left").symlink_to("/")
        (cache / place.mark).write_text("a new library is all right, but not by an attack")
        said = setting.differences(before, place.state(tuple(before)[:3], cache))
        assert [line.rsplit("/", 1)[-1] for line in said] == [
            "kv_cache.py was changed",
            "secret is gone",
            "left is new",
        ]
        assert place.marked(cache) == [str(cache / place.mark)]
        (cache / place.mark).unlink()

        assert place.knocked() == []
        with socket.create_connection(place.listeners["127.0.0.1"].getsockname()):
            assert place.knocked() == ["127.0.0.1"]


def test_reports_that_can_harm_are_seen(tmp_path):
    for name in ("json", "gradescope"):
        (tmp_path / name).write_text("{}")
    for name in ("html", "lab"):
        (tmp_path / name).write_text("<p title='a'>&lt;script&gt;</p>")
    (tmp_path / "junit").write_text("<a/>")
    (tmp_path / "terminal").write_text("right")
    assert reports.dangers(tmp_path) == []
    (tmp_path / "terminal").write_text("\x1b[31m" + "x" * 2_000_000)
    (tmp_path / "json").write_text("NaN")
    (tmp_path / "junit").write_text("<a>")
    (tmp_path / "html").write_text("<p onclick='f()'><script>f()</script><a href='JavaScript:f()'>")
    said = " | ".join(reports.dangers(tmp_path))
    for words in ("control characters", "2 MB", "not JSON", "not XML", "onclick", "script", "href"):
        assert words in said, words


# --------------------------------------------------------------------------------- the command


def test_the_command(capsys, tmp_path):
    file = tmp_path / "verdicts.json"
    assert command.main(["gpt.cu is a folder", "--json", str(file)]) == command.RIGHT
    assert "1 attacks, 1 right" in capsys.readouterr().out
    (written,) = json.loads(file.read_text())
    assert written["wrong"] == [] and written["status"] == "failed 0/0"
    assert command.main(["--list", "exit*"]) == command.RIGHT
    assert "to end as if all had gone well" in capsys.readouterr().out
    assert command.main(["no such attack"]) == command.USAGE
    assert "nothing is called 'no such attack'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[attack]]\nname = 'a'\nwrong = 1", "wrong is no part"),
        ("[[attack]]\nname = 'a'\ntries = 'b'\ncheck = 'gelu'\nmust = 'win'", "must is one of"),
        ("[[attack]]\nname = 'a'", "missing"),
        ("x = ", "Invalid|invalid"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path, text, named):
    path = tmp_path / "files.toml"
    path.write_text(text)
    with pytest.raises(GalleryError, match=named):
        entries.read(path)
