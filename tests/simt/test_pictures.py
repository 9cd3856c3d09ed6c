"""Pictures of a profile: geometry and counts, against what is computed here in another way."""

import math
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simt.profiling import Access, SharedUse, profile
from simt.profiling.pictures import access_picture, bank_picture, roofline_picture, tile_picture
from simt.profiling.pictures.access import touched_sectors
from simt.profiling.pictures.banks import passes
from simt.profiling.roofline import GPUS, Roofline, find_gpu

SVG = "{http://www.w3.org/2000/svg}"
COUNTERS = Path(__file__).parent / "counters" / "kernels.cu"


def access(sample, size=4, start=0, space="global"):
    sample = [sample(lane) for lane in range(32)] if callable(sample) else sample
    return Access("a.cu:1", space, "load", size, array="in", start=start, sample=sample)


def rects(picture, kind):
    """(x, y, width, height) of the rectangles of a class, without the legend's."""
    found = []
    for rect in ElementTree.fromstring(picture).iter(f"{SVG}rect"):
        kinds = rect.get("class", "").split()
        if kind in kinds and "legend" not in kinds:
            found.append(tuple(float(rect.get(name)) for name in ("x", "y", "width", "height")))
    return found


def texts(picture):
    return [text.text for text in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def within(inner, outer):
    (x, y, w, h), (ox, oy, ow, oh) = inner, outer
    return x >= ox - 0.01 and y >= oy and x + w <= ox + ow + 0.01 and y + h <= oy + oh


def overlap(a, b):
    return (
        a[0] + 0.01 < b[0] + b[2]
        and b[0] + 0.01 < a[0] + a[2]
        and a[1] < b[1] + b[3]
        and b[1] < a[1] + a[3]
    )


def fits(picture):
    root = ElementTree.fromstring(picture)
    _, _, width, height = (float(number) for number in root.get("viewBox").split())
    for text in root.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x")) <= width
        assert 0 <= float(text.get("y")) <= height
    return all(
        within(
            [float(rect.get(name)) for name in ("x", "y", "width", "height")], (0, 0, width, height)
        )
        for rect in root.iter(f"{SVG}rect")
    )


# ---------------------------------------------------------------------------- global memory

PATTERNS = {
    "coalesced": (access(lambda i: 4 * i), 4),
    "misaligned": (access(lambda i: 4 * i, start=4), 5),
    "strided": (access(lambda i: 1024 * i), 32),
    "every second": (access(lambda i: 8 * i), 8),
    "backwards": (access(lambda i: 4 * (31 - i)), 4),
    "broadcast": (access(lambda i: 64), 1),
    "float4": (access(lambda i: 16 * i, size=16), 16),
    "across sectors": (access(lambda i: 96 * i, size=8, start=28), 64),
    "bytes": (access(lambda i: i, size=1), 1),
    "half of the lanes": (access(lambda i: 4 * i if i < 16 else -1), 2),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_an_access_touches_its_sectors(name):
    one, expected = PATTERNS[name]
    touched = {
        (one.start + offset + byte) // 32
        for offset in one.sample
        if offset >= 0
        for byte in range(one.size)
    }
    assert len(touched) == expected
    assert touched_sectors(one) == sorted(touched)
    picture = access_picture(one)
    assert fits(picture)
    sectors, moved = rects(picture, "sector"), rects(picture, "waste")
    assert len(moved) == expected
    assert len(sectors) == 4 * len({sector // 4 for sector in touched})
    assert not any(overlap(a, b) for a, b in combinations(sectors, 2))


@pytest.mark.parametrize("name", PATTERNS)
def test_the_bytes_asked_for_are_marked_in_touched_sectors(name):
    one, _ = PATTERNS[name]
    picture = access_picture(one)
    marks, moved = rects(picture, "bytes"), rects(picture, "waste")
    assert all(any(within(mark, sector) for sector in moved) for mark in marks)
    assert not any(overlap(a, b) for a, b in combinations(marks, 2))
    assert {next(s for s in moved if within(m, s)) for m in marks} == set(moved)
    asked = {o + byte for o in one.sample if o >= 0 for byte in range(one.size)}
    bytes_wide = moved[0][2] / 32
    covered = sum(mark[2] for mark in marks) / bytes_wide
    assert covered == pytest.approx(len(asked), rel=0.25)  # marks leave a gap between them
    assert covered <= len(asked)


def test_each_lane_that_took_part_is_filled():
    picture = access_picture(access(lambda i: 4 * i if i % 3 else -1))
    assert len(rects(picture, "lane")) == 21
    assert len(rects(picture, "idle")) == 11


def test_an_access_says_what_it_touches_and_what_could_do():
    assert "A request of 32 lanes, 4 bytes each: 32 sectors of 32 bytes touched; 4 would do" in (
        texts(access_picture(access(lambda i: 1024 * i)))
    )
    labels = texts(access_picture(access(lambda i: 1024 * i)))
    assert "in[256]" in labels and "lane 1" in labels
    assert "×32" in texts(access_picture(access(lambda i: 64)))


def test_without_a_sample_there_is_no_picture():
    assert access_picture(access([-1] * 32)) == ""
    assert bank_picture(access([])) == ""


def test_names_are_escaped():
    one = access(lambda i: 4 * i)
    one.array = '<script>"&'
    assert "<script>" not in access_picture(one)
    assert fits(access_picture(one))
    name = "<b>"
    assert "<b>" not in tile_picture(name, SharedUse(4, [2], [1, 1]))


# ---------------------------------------------------------------------------- shared memory


def test_a_column_of_a_tile_hits_one_bank_32_times():
    picture = bank_picture(access(lambda i: 128 * i, space="shared"))
    cells = rects(picture, "need") + rects(picture, "over")
    assert len(cells) == 32
    assert len({x for x, *_ in cells}) == 1
    assert len({y for _, y, *_ in cells}) == 32
    assert len(rects(picture, "over")) == 31
    assert "A request of 32 lanes, 4 bytes each: 32 passes over the banks; 1 would do" in (
        texts(picture)
    )
    assert fits(picture)


def test_a_padded_column_uses_each_bank_once():
    picture = bank_picture(access(lambda i: 132 * i, space="shared"))
    assert len({x for x, *_ in rects(picture, "need")}) == 32
    assert not rects(picture, "over")


def test_one_word_for_all_lanes_is_one_pass():
    picture = bank_picture(access(lambda i: 20, space="shared"))
    assert len(rects(picture, "share")) == 1
    assert "×32" in texts(picture)
    assert not rects(picture, "over")


@pytest.mark.parametrize("size, groups", [(1, 1), (2, 1), (4, 1), (8, 2), (16, 4)])
def test_wide_accesses_go_in_groups(size, groups):
    one = access(lambda i: size * i, size=size, space="shared")
    assert [(p.group, p.number) for p in passes(one)] == [(group, 0) for group in range(groups)]


@given(
    st.lists(st.integers(-1, 200), min_size=32, max_size=32),
    st.sampled_from([4, 8, 16]),
    st.sampled_from([0, 4, 64]),
)
def test_passes_serve_each_lane_its_words_once(indices, size, start):
    one = access([index * size if index >= 0 else -1 for index in indices], size, start)
    served = [
        (lane, word)
        for one_pass in passes(one)
        for bank, (word, lanes) in one_pass.words.items()
        for lane in lanes
        if word % 32 == bank
    ]
    wanted = [
        (lane, (start + offset) // 4 + word)
        for lane, offset in enumerate(one.sample)
        if offset >= 0
        for word in range(size // 4)
    ]
    assert sorted(served) == sorted(wanted)


@pytest.fixture(scope="module")
def counted():
    return profile(COUNTERS, blocks=0).kernels


def test_pictures_show_what_the_runtime_counts(counted):
    """Where all requests of a line are alike, the one that is drawn has the average's counts."""
    seen = 0
    for kernel in counted:
        for one in kernel.accesses:
            if one.op == "atomic" or one.active_lanes != 32:
                continue
            if one.space == "shared" and one.wavefronts % one.requests == 0:
                assert len(passes(one)) == one.wavefronts / one.requests, (kernel.name, one.line)
                seen += 1
            elif one.space == "global" and one.sectors % one.requests == 0:
                assert len(touched_sectors(one)) == one.sectors / one.requests, kernel.name
                seen += 1
    assert seen > 40


# ------------------------------------------------------------------------------------- tiles


def test_a_tile_has_the_shape_that_it_is_declared_with():
    uses = [0 if word % 33 == 32 else 1 + word // 33 for word in range(32 * 33)]
    picture = tile_picture("tile", SharedUse(4, [32, 33], uses))
    used, unused = rects(picture, "used"), rects(picture, "unused")
    cell = used[0][3]
    assert len({y for _, y, *_ in used}) == 32
    assert sum(w * h for *_, w, h in used) == pytest.approx(32 * 32 * cell**2)
    assert sum(w * h for *_, w, h in unused) == pytest.approx(32 * cell**2)
    assert all(x == pytest.approx(used[0][0] + 32 * cell) for x, *_ in unused)
    strengths = [
        float(rect.get("fill-opacity"))
        for rect in ElementTree.fromstring(picture).iter(f"{SVG}rect")
        if rect.get("class") == "used need"
    ]
    assert strengths == sorted(strengths) and strengths[0] < 0.2 and strengths[-1] == 1
    assert "tile[32][33]: each word is used 1 to 32 times; 32 of 1,056 words never" in (
        texts(picture)
    )
    assert fits(picture)


@pytest.mark.parametrize(
    "element_size, extents, words, rows, columns",
    [
        (4, [], 1, 1, 1),
        (4, [20], 20, 1, 20),
        (4, [100], 100, 4, 32),
        (2, [16, 34], 272, 16, 17),
        (16, [8, 9], 288, 8, 36),
        (4, [2, 4, 8], 64, 8, 8),
        (1, [3, 33], 25, 1, 25),  # rows that are no whole words
    ],
)
def test_rows_of_a_tile(element_size, extents, words, rows, columns):
    picture = tile_picture("t", SharedUse(element_size, extents, [5] * words))
    cells = rects(picture, "used")
    height = cells[0][3]
    assert len(cells) == rows  # equal neighbours are one rectangle
    assert cells[0][2] / height == pytest.approx(columns)
    assert fits(picture)


# ---------------------------------------------------------------------------------- roofline


def axis(picture, name):
    """From pixels to values, by the labels of two powers of ten."""
    labels = {}
    rates = {"100 GFLOP/s": 1e11, "1 TFLOP/s": 1e12, "10 TFLOP/s": 1e13, "100 TFLOP/s": 1e14}
    ticks = rates if name == "y" else {"0.1": 0.1, "1": 1, "10": 10, "100": 100}
    for text in ElementTree.fromstring(picture).iter(f"{SVG}text"):
        if text.text in ticks:
            shift = 4 if name == "y" else 0  # a label's baseline is below its grid line
            labels[ticks[text.text]] = float(text.get(name)) - shift
    (v0, p0), (v1, p1) = list(labels.items())[:2]
    return lambda p: v0 * (v1 / v0) ** ((p - p0) / (p1 - p0))


@pytest.mark.parametrize("gpu", GPUS.values(), ids=lambda gpu: gpu.name)
@pytest.mark.parametrize("moved, distinct", [(0.2, 3.0), (0.5, 0.5), (5.0, 300.0)])
def test_the_lines_of_a_roofline_end_at_the_roof(gpu, moved, distinct):
    picture = roofline_picture(Roofline(gpu, moved, distinct))
    intensity, rate = axis(picture, "x"), axis(picture, "y")
    found = []
    for line in ElementTree.fromstring(picture).iter(f"{SVG}line"):
        if "intensity" in line.get("class").split():
            assert line.get("x1") == line.get("x2")
            found.append((intensity(float(line.get("x1"))), rate(float(line.get("y2")))))
    expected = [(i, min(gpu.peak, i * gpu.bandwidth)) for i in sorted({moved, distinct})]
    assert [pair[0] for pair in found] == pytest.approx([pair[0] for pair in expected], rel=0.02)
    assert [pair[1] for pair in found] == pytest.approx([pair[1] for pair in expected], rel=0.05)
    assert fits(picture)


def test_a_roofline_draws_no_measurement():
    picture = roofline_picture(Roofline(GPUS["T4"], 0.1, 10))
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(picture).iter()}
    assert not tags & {"circle", "ellipse"}
    assert "ceiling: 32 GFLOP/s" in texts(picture)
    assert "ceiling: 3.2 TFLOP/s" in texts(picture)


@pytest.mark.parametrize(
    "moved, distinct, bound",
    [(0.1, 5, "memory"), (0.1, 100, "reuse"), (30, 100, "compute")],
)
def test_what_bounds_a_kernel(moved, distinct, bound):
    assert Roofline(GPUS["H100"], moved, distinct).bound == bound
    assert math.isclose(GPUS["H100"].ridge, 67e12 / 3e12)


@pytest.mark.parametrize("name", ["RTX 4090", "rtx4090", "rtx-4090"])
def test_gpus_by_name(name):
    assert find_gpu(name) is GPUS["RTX 4090"]
    assert find_gpu("RTX") is None


def test_notebooks_show_a_picture():
    picture = access_picture(access(lambda i: 4 * i))
    assert picture._repr_svg_().startswith("<svg")
