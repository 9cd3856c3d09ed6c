"""What simt check prints: the order, the lines quoted, the counts."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from simt.listing import Sources
from simt.report import Report, ranked
from simt.report_text import print_reports

CODE = """\
__global__ void k(float* out) {
    __shared__ float s[64];
    s[threadIdx.x] = 1;  // [bold]
    out[threadIdx.x] = s[63 - threadIdx.x];
}
"""
RACE = Report(
    "shared_race",
    0,
    "k",
    "prog.cu",
    9,
    block=(0, 0, 0),
    threads="(1,0,0)",
    at="prog.cu:4",
    message="s[1] is read at prog.cu:4 and written at prog.cu:3",
    details=["prog.cu:4 reads it: thread (62,0,0)", "prog.cu:3 writes it: thread (1,0,0)"],
    count=1500,
    among="block",
)
OTHER_RACE = Report(
    "shared_race", 0, "other", message="t[0] is read and written", count=3, among="block"
)
UNWRITTEN = Report("uninitialized_shared", 0, "k", at="prog.cu:4", message="s[63] is read")
DEADLOCK = Report("barrier_divergence", 702, "k", message="they wait", details=["64 threads wait"])
NOTE = Report("invalid_launch", 9, message="a block of 4096 threads", problem=False)


@pytest.fixture
def printed(tmp_path):
    (tmp_path / "prog.cu").write_text(CODE)

    def run(*reports: Report, **console) -> list[str]:
        out = io.StringIO()
        sources = Sources([tmp_path / "prog.cu"])
        print_reports(list(reports), sources, Console(file=out, **console))
        return out.getvalue().splitlines()

    return run


def test_a_report_quotes_its_lines_in_their_order_with_who_did_what(printed):
    code = [line[4:] for line in CODE.splitlines()]
    assert printed(RACE) == [
        "simt: SHARED RACE in kernel k, launched at prog.cu:9",
        "  block (0,0,0), thread (1,0,0): s[1] is read at prog.cu:4 and written at prog.cu:3",
        f"    3 │ {code[2]}            writes it: thread (1,0,0)",
        f"    4 │ {code[3]}   reads it: thread (62,0,0)",
        "  seen 1,500 times here",
        "",
        "simt: 1 problem of 1 kind",
    ]


def test_what_explains_most_comes_first_and_each_kind_once_in_full(printed):
    lines = printed(UNWRITTEN, OTHER_RACE, DEADLOCK)
    titles = [line for line in lines if line.startswith("simt: ")]
    assert [title.split(" in ")[0] for title in titles] == [
        "simt: BARRIER DIVERGENCE",
        "simt: SHARED RACE",
        "simt: UNINITIALIZED SHARED",
        "simt: 3 problems of 3 kinds",
    ]
    assert "  also in other: t[0] is read and written (3 times)" in printed(RACE, OTHER_RACE)


def test_the_widest_race_comes_first_and_speaks_for_those_within_a_warp():
    in_warp, in_grid = replace(RACE, among="warp"), replace(RACE, among="grid", kernel="other")
    elsewhere = replace(in_warp, details=["prog.cu:3 writes it: thread (1,0,0)"])
    assert ranked([in_warp, elsewhere, RACE, in_grid]) == [in_grid, RACE, elsewhere]
    assert ranked([in_warp]) == [in_warp]


def test_what_is_read_too_early_is_said_to_follow_from_the_race(printed):
    words = "  Most likely for the same reason: the race above."
    assert words in printed(UNWRITTEN, RACE)
    assert words not in printed(UNWRITTEN)
    assert words not in printed(replace(UNWRITTEN, at="prog.cu:3"), RACE)


def test_details_that_are_no_lines_are_printed_as_they_are(printed):
    assert "  64 threads wait" in printed(DEADLOCK)


def test_a_line_that_is_not_in_the_sources_is_not_quoted(printed):
    lines = printed(Report("leak", 0, message="never freed", at="elsewhere.cu:7"))
    assert lines == ["simt: LEAK", "  never freed", "", "simt: 1 problem of 1 kind"]


def test_a_note_is_no_problem(printed):
    assert printed(NOTE) == ["simt: note: a block of 4096 threads", "simt: no problem found"]


def test_words_wrap_on_a_terminal_only(printed):
    long = Report("leak", 0, message="word " * 60)
    assert max(map(len, printed(long))) > 200
    wrapped = printed(long, force_terminal=True, no_color=True, width=60, legacy_windows=False)
    assert 50 < max(map(len, wrapped)) < 80  # with the codes for bold
