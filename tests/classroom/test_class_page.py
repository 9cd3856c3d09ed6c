"""The class's page, its pairs, and its progress line."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from gallery.entries import SOLUTIONS, unusual
from grader.classroom import page, similarity
from grader.classroom.progress import Progress, duration
from mingpt.paths import ROOT
from tests.chromium import needs_chromium
from tests.classroom.samples import a_class, entry, submission

KERNELS = (SOLUTIONS / "gpt.cu").read_text()


def of(name: str, text: str):
    return submission(name, files={"gpt.cu": text.encode(), "kv_cache.py": b"the same"})


def names_of(submissions, pairs) -> set[frozenset[str]]:
    return {
        frozenset(submissions[i].student.id for i in (pair.first, pair.second)) for pair in pairs
    }


def disguised(text: str) -> str:
    """Other names, numbers, comments and layout."""

    def renamed(match: re.Match) -> str:
        return match[0] if match[0] in similarity.KEPT else f"{match[0]}_2"

    text = re.sub(r"\b[a-z_]{3,}\b", renamed, re.sub(r"//.*", "", text)).replace("256", "128")
    return text.replace("    ", "\t").replace(" {", "\n{")


def test_a_disguised_copy_is_found_and_independent_work_is_not():
    starter = (ROOT / "starter" / "gpt.cu").read_text()
    others = []
    for path in unusual():
        if path.suffix == ".cu":
            others.append(of(path.stem, path.read_text()))
    class_ = [of("author", KERNELS), of("copy", disguised(KERNELS)), of("lazy", starter),
              of("lazy too", starter + "// me\n"), *others]  # fmt: skip
    pairs, prints = similarity.find_pairs(class_)
    assert names_of(class_, pairs) == {frozenset({"author", "copy"})}
    assert pairs[0].share > 0.9
    sides = similarity.side_by_side(class_[1], prints[1], pairs[0].shared)
    marked = [line for _, line, same in sides[0]["lines"] if same]
    assert any("__syncthreads" in line for line in marked)
    assert not [line for line in marked if "#include" in line]


def test_what_many_wrote_is_nobodys():
    class_ = [of(f"s{i}", KERNELS + f"\nint f{i};") for i in range(7)]
    assert similarity.find_pairs(class_)[0] == []
    assert len(similarity.find_pairs(class_[:3])[0]) == 3


@pytest.mark.parametrize("text", ["", "{" * 5000, '"' * 999, "/*" * 999, 'R"x(' * 999, "\x00\xff"])
def test_any_text_has_fingerprints(text):
    assert similarity.prints_of({"gpt.cu": text.encode("latin-1"), "b.cuh": b"\xff\xfe"})


def test_every_passage_as_long_as_promised_is_seen():
    """Winnowing's guarantee (Schleimer et al.): any TOKENS + WINDOW - 1 tokens in common."""
    code = re.sub("//.*|#.*", "", KERNELS)
    tokens = re.findall(r"\w+|\S", code)[100 : 100 + similarity.TOKENS + similarity.WINDOW - 1]
    passage = " ".join(tokens)
    first = similarity.prints_of({"a.cu": f"int a, b, c, d; {passage} int b[4]; {{}}".encode()})
    second = similarity.prints_of(
        {"a.cu": f"float q[3]; for (;;) {passage} return 1 + 2 + 3;".encode()}
    )
    assert set(first.places) & set(second.places)


def rendered() -> tuple[list, str, str]:
    entries = a_class()
    pairs, prints = similarity.find_pairs([one.submission for one in entries])
    both = [page.pair_page(entries, prints, pair) for pair in pairs]
    return entries, page.page(entries, "Lab <1>", pairs), "".join(both)


def test_the_page_says_what_an_instructor_asks():
    entries, text, pair = rendered()
    assert "<script" not in text + pair and "onerror=alert" in pair
    assert "Lab &lt;1&gt;" in text and "Bob the Fast" in text
    assert "Who waits?" in text and f"{len(entries) - 1} × Who waits?" in text
    assert "8 persistent" in text  # a ghost
    assert "far above the others" in text and "isolation weaker than bubblewrap" in text
    for entry_ in entries:
        assert f'href="reports/{entry_.student.file}.html"' in text
    assert 'class="same"' in pair and "ada" in pair and "bob" in pair
    assert "s3" not in text.split('id="board"')[1].split("</section>")[0]  # gave no nickname


def test_a_place_on_the_board_is_the_ratio_times_the_rungs_speed():
    one = replace(entry("ada"), submission=submission("ada", nickname="Ada"))
    (row,) = [r for r in page.leaderboard([one])["rows"] if r["kind"] == "you"]
    rung = page.ladder.read()["rungs"]["3_kv_cache"]["tokens_per_s"]
    assert row["rate"] == f"{0.7 * rung:,.0f}" and row["measured"] == "210"
    (found,) = page.calibration([one, one])
    assert (found["median"], found["count"]) == (300.0, 2)


def test_an_empty_class_has_a_page_and_so_has_one_student():
    assert "0</strong> students" in page.page([], "none", [])
    assert "1</strong> student;" in page.page([entry("ada")], "one", [])


@needs_chromium
def test_the_pages_in_a_browser(tmp_path, browser):
    from axe_playwright_python.sync_playwright import Axe

    _, text, pair = rendered()
    pair = pair.split("</html>")[0]
    (tmp_path / "pairs").mkdir()
    (tmp_path / "index.html").write_text(text)
    (tmp_path / "pairs" / "1.html").write_text(pair)
    said = []
    for scheme, width in (("light", 1200), ("dark", 390)):
        shown = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
        shown.on("console", lambda message: said.append(message.text))
        shown.on("pageerror", lambda error: said.append(str(error)))
        shown.on("dialog", lambda dialog: said.append("a dialog") or dialog.dismiss())
        shown.goto((tmp_path / "index.html").as_uri())
        for step in ("index", "pair"):
            if step == "pair":
                shown.click("#alike tbody a")
                assert shown.url.endswith("pairs/1.html")
            assert shown.evaluate("document.documentElement.scrollWidth") <= width
            found = Axe().run(shown).response["violations"]
            assert not [(one["id"], [n["html"] for n in one["nodes"]]) for one in found]
    assert not said


def test_progress_in_a_log_is_a_line_now_and_then():
    now, output = [0.0], io.StringIO()
    with Progress(Console(file=output, width=200), 4, lambda: now[0]) as progress:
        progress.tick(2)
        now[0] = 10
        progress.finished("ada", 9.0, False)
        assert output.getvalue() == ""
        now[0] = 40
        progress.finished("bob", 30.0, True)
        progress.tick(2)
    assert (
        output.getvalue().splitlines()
        == ["2 of 4 gradings done, 2 running, 1 failed, about 40 s left, slowest bob (30 s)"] * 2
    )
    assert [duration(x) for x in (3, 100, 5000, 7800)] == ["3 s", "2 min", "83 min", "2 h 10 min"]
    output = io.StringIO()
    with Progress(Console(file=output, width=120, force_terminal=True), 2) as progress:
        progress.finished("ada", 9.0, False)
    assert "1 of 2 gradings done" in output.getvalue()
