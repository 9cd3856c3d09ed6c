"""The gallery of mistakes: the right check fails, and message and hint name the cause.

A sixth of them, which has all topics; by make test-all (or make gallery) all.
"""

import json

import pytest

from gallery import __main__ as command
from gallery import entries
from gallery.running import run, shard
from gallery.tables import Totals
from gallery.verdict import Verdict, judge
from tests import whole

ALL = entries.mistakes()
GRADED = ALL if whole.ALL else shard(ALL, 1, 9)
NAMED = {mistake.name: mistake for mistake in ALL}


@pytest.mark.parametrize("mistake", GRADED, ids=lambda mistake: mistake.name)
def test_a_mistake_is_named(mistake):
    verdict = judge(mistake)
    said = f"{verdict.message}\nHint: {verdict.hint}"
    assert verdict.caught and verdict.right_cause, said
    assert verdict.right_check, verdict.others


def test_the_part_has_all_topics():
    assert {mistake.topic for mistake in shard(ALL, 1, 9)} == set(entries.TOPICS)
    assert sorted(m.name for i in range(1, 10) for m in shard(ALL, i, 9)) == sorted(NAMED)


def test_every_entry_fits_the_solutions(tmp_path):
    assert len(ALL) >= 60 and len(entries.unusual()) >= 20
    for mistake in ALL:
        made = entries.submission(tmp_path / "made", mistake.file, mistake.changes)
        original = (entries.SOLUTIONS / mistake.file).read_text()
        assert (made / mistake.file).read_text() != original, mistake.name


def test_ten_are_shown():
    assert sum(mistake.show for mistake in ALL) == 10


# ----------------------------------------------------------------------------------- the runner


def mistake(cause: str, check: str = "gelu", **fields) -> entries.Mistake:
    """A change in gelu alone: x^2 for x^3."""
    changes = (("0.044715f * x * x * x", "0.044715f * x * x"),)
    return entries.Mistake("a test's", "gelu", "gpt.cu", changes, check, cause, **fields)


def test_a_cause_that_is_not_named_is_seen():
    verdict = judge(mistake("sample variance"))
    assert verdict.caught and verdict.right_check and not verdict.right_cause
    assert "x^2 in place of x^3" in verdict.message and verdict.others["linear"] == "passed"


def test_another_check_that_fails_is_seen():
    verdict = judge(mistake(".", check="layernorm"))
    assert not verdict.caught and not verdict.right_check
    assert verdict.others["gelu"] == "failed"
    both = ("float sum_sq = 0.0f;", "float sum_sq = 9.0f;")
    two = mistake(r"x\^2")
    two = entries.Mistake(**{**vars(two), "changes": (*two.changes, both)})
    assert judge(two).caught and not judge(two).right_check
    assert judge(entries.Mistake(**{**vars(two), "also": ("layernorm",)})).right_check


def test_a_change_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(entries.GalleryError, match="there 0 times, not once: 'no such text'"):
        entries.submission(tmp_path / "made", "gpt.cu", [("no such text", "")])
    with pytest.raises(entries.GalleryError, match=r"there \d+ times, not once: 'float'"):
        entries.submission(tmp_path / "made", "gpt.cu", [("float", "")])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[mistake]", "Expected|expected"),
        ('file = "gpt.cu"\n[[mistake]]\nname = "a"\ncheck = "gelu"\nchanges = []', "'cause'"),
        ('file = "gpt.cu"\n[[mistake]]\nname = "a"\ncheck = "gelu"\ncause = "("\nchanges = []',
         "unterminated|missing"),
        ('file = "gpt.cu"\n[[mistake]]\nname = "a"\ncheck = "gelu"\ncause = "."\nchanges = []\n'
         "causes = 1", "causes"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_refused(tmp_path, text, named):
    path = tmp_path / "gelu.toml"
    path.write_text(text)
    with pytest.raises(entries.GalleryError, match=named):
        entries.read(path)


def test_two_at_once_keep_their_order():
    chosen = [NAMED["gelu with x^2"], NAMED["a semicolon forgotten"]]
    done = []
    verdicts = run(chosen, 2, lambda: done.append(1))
    assert [v.name for v in verdicts] == [m.name for m in chosen] and len(done) == 2
    assert all(v.right_cause for v in verdicts)


def verdict(topic: str, caught: bool, named: bool = True) -> Verdict:
    return Verdict("a", topic, "gelu", caught, caught, named, 1.0, "", "")


def test_the_target():
    caught = [verdict("gelu", True)] * 19
    assert Totals.of([*caught, verdict("gelu", True, False), verdict("unusual", False)]).met
    assert not Totals.of([*caught, *[verdict("gelu", True, False)] * 2]).met
    assert not Totals.of([*caught * 9, verdict("gelu", False, False)]).met
    alarmed = Totals.of([*caught, verdict("unusual", True)])
    assert not alarmed.met and "1 false alarm" in alarmed.text()


def test_the_command(tmp_path, capsys, monkeypatch):
    file = tmp_path / "verdicts.json"
    only = ["--only", "gelu with x^2", "--jobs", "1", "--json", str(file)]
    assert command.main(only) == command.MET
    output = capsys.readouterr().out
    assert "1 mistakes: 1 caught" in output and "gelu with x^2" in output
    (written,) = json.loads(file.read_text())["verdicts"]
    assert written["right_cause"] and "x^2" in written["message"]

    wrong = [mistake("sample variance")]
    monkeypatch.setattr(command, "mistakes", lambda: wrong)
    assert command.main(["--only", "a test's", "--jobs", "1"]) == command.MISSED
    output = capsys.readouterr().out
    assert "x^2 in place of x^3" in output and "The target is missed" in output


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--only", "nothing"], "nothing is called 'nothing'"),
        (["--shard", "4/3"], "give I/N"),
        (["--shard", "x"], "give I/N"),
        (["--jobs", "0"], "at least 1"),
    ],
)
def test_wrong_usage_is_explained(arguments, named, capsys):
    assert command.main([*arguments, "--list"]) == command.USAGE
    assert named in " ".join(capsys.readouterr().err.split())


def test_a_wrong_kernel_leaves_the_cache_its_points(variant, graded):
    results = graded(variant("gpt.cu", *NAMED["gelu without bounds check"].changes))
    statuses = {id: result.status for id, result in results.items()}
    assert statuses == {
        "build": "passed",
        "gelu": "failed",
        "layernorm": "passed",
        "linear": "passed",
        "memory": "passed",
        "model": "skipped",
        "kv_cache": "passed",
        "traffic": "skipped",
        "decoder": "skipped",
        "speed": "passed",
    }
    memory = results["memory"]  # two thirds, and the line in gelu
    assert 0 < memory.points < memory.max_points and "gpt.cu:22" in memory.message
    assert "gelu" in results["model"].message


def test_a_wrong_cache_is_not_timed(variant, graded):
    changes = NAMED["length not advanced"].changes
    results = graded(variant("kv_cache.py", *changes), "kv_cache", "speed")
    assert results["speed"].status == "skipped" and "kv_cache" in results["speed"].message
