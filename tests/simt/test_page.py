"""python -m simt profile --html: the page, its sentences, its source, its options."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from simt.listing import Sources, find_functions
from simt.profiling import Access, profile
from simt.profiling.findings import findings, why_conflicts, why_scattered
from simt.profiling.page import as_html
from simt.profiling.roofline import GPUS

ROOT = Path(__file__).resolve().parents[2]
H100 = GPUS["H100"]

PROGRAM = b"""// caf\xe9, in Latin-1
#include "part.cuh"
template <int N>
__global__ void strided(float* out, const float* in) {
  int i = threadIdx.x;  // \xe9 < b && c </code><script>alert(1)</script>
  out[i] = in[N * i] * 2.0f;
}
__global__ void transpose(float* out, const float* in) {
  __shared__ float tile[32][33], plain[32][32];
  int x = threadIdx.x, y = threadIdx.y;
  tile[y][x] = in[32 * y + x];
  plain[y][x] = in[32 * y + x];
  __syncthreads();
  out[32 * y + x] = tile[x][y] + plain[x][y];
}
__global__ void diverge(float* x) {
  if (threadIdx.x % 32 == 0)
    for (int i = 0; i < 100; i++) x[threadIdx.x] = halved(x[threadIdx.x]);
}
__global__ void many(float* x) { x[blockIdx.x * 256 + threadIdx.x] += 1.0f; }
__global__ void idle(int) {}
int main() {
  float *a, *b;
  cudaMalloc(&a, 1 << 20);
  cudaMalloc(&b, 1 << 20);
  cudaMemset(a, 0, 1 << 20);
  cudaMemset(b, 0, 1 << 20);
  strided<32><<<1, 32>>>(b, a);
  transpose<<<1, dim3(32, 32)>>>(b, a);
  diverge<<<1, 64>>>(a);
  for (int i = 0; i < 3; i++) many<<<512, 256>>>(a);
  idle<<<1, 1>>>(0);
  return cudaDeviceSynchronize();
}
"""
PART = "__device__ inline float halved(float x) {\n  return x / 2.0f;\n}\n"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "part.cuh").write_text(PART)
    (folder / "prog.cu").write_bytes(PROGRAM)
    return folder / "prog.cu"


@pytest.fixture(scope="module")
def kernels(program):
    return {kernel.name: kernel for kernel in profile(program).kernels}


@pytest.fixture(scope="module")
def html(program, kernels):
    return as_html(list(kernels.values()), Sources([program]), H100, "prog.cu")


class Page(HTMLParser):
    """The elements of a page; raises AssertionError where they are not nested."""

    VOID = ("meta", "link", "br", "img", "hr")

    def __init__(self, html):
        super().__init__()
        self.open, self.elements, self.words = [], [], {}
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.open:
            self.words.setdefault(self.open[-1], []).append(data)

    def count(self, tag):
        return sum(name == tag for name, _ in self.elements)


def table(html, kernel):
    """{line: [cells]} of a kernel's annotated source, as text."""
    section = html.split(f'id="kernel-{kernel}"')[1].split("</table>")[0]
    rows = {}
    for row in re.findall(r"<tr[^>]*>(.*?)</tr>", section, re.DOTALL):
        cells = [
            re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row, re.S)
        ]
        if cells and cells[0].isdigit():
            rows[int(cells[0])] = cells[1:]
    return rows


# -------------------------------------------------------------------------------- the page


def test_elements_are_nested_and_links_lead_somewhere(html):
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    links += ["#" + a["data-pictures"] for _, a in page.elements if "data-pictures" in a]
    links += ["#" + a["data-open"] for _, a in page.elements if a.get("data-open")]
    assert len(links) > 10
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_nothing_comes_from_elsewhere(html):
    page = Page(html)
    assert not [a for _, a in page.elements if "src" in a or "data" in a]
    assert not page.count("link") + page.count("img") + page.count("iframe")
    assert "@import" not in html and "url(" not in html
    assert set(re.findall(r"https?:[^\"' ]*", html)) == {"http://www.w3.org/2000/svg"}


def test_source_is_text(html):
    page = Page(html)
    assert page.count("script") == 1
    assert "alert(1)" not in "".join(page.words["script"])
    assert "strided&lt;32&gt;" in html
    comment = table(html, 1)[5][0].partition("//")[2]
    assert unescape(comment) == (
        " \N{REPLACEMENT CHARACTER} < b && c </code><script>alert(1)</script>"
    )


def test_all_pictures_are_there_without_a_script(html, kernels):
    accesses = sum(len(kernel.accesses) for kernel in kernels.values())
    tiles = sum(len(kernel.shared_use) for kernel in kernels.values())
    assert tiles == 2
    rooflines = sum(kernel.flops > 0 for kernel in kernels.values())
    assert rooflines == 4
    page = Page(html)
    assert page.count("figure") == page.count("svg") == accesses + tiles + rooflines


def test_columns_of_the_source(html):
    strided = table(html, 1)
    assert list(strided) == [3, 4, 5, 6, 7]  # the whole function
    assert strided[6][0].strip() == "out[i] = in[N * i] * 2.0f;"
    # 2 requests, of 32 and 4 sectors; 8 of those 36 needed; 32 products; no shared memory
    assert strided[6][1:] == ["2", "18", "22 %", "", "32", "32.0"]
    transpose = table(html, 2)
    assert transpose[11][1:5] == ["64", "4", "100 %", "1×"]
    assert transpose[14][1:] == ["96", "4", "100 %", "16.5×", "1,024", "32.0"]


def test_functions_of_an_included_file_are_shown(html):
    rows = table(html, 3)
    assert rows[2][0].strip() == "return x / 2.0f;"
    assert rows[2][5] == "200"  # divided by 2 lanes, 100 times
    assert rows[2][6] == "1.0"


def test_a_sampled_kernel_says_so(html, program, kernels):
    many = kernels["many"]
    assert many.traced_blocks < many.blocks == 3 * 512
    assert f"{many.traced_blocks} of 1,536 blocks traced: counts are multiplied by" in html
    assert "extrapolated" in html.split('id="kernel-4"')[1].split('id="kernel-5"')[0]
    assert "extrapolated" not in html.split('id="kernel-1"')[1].split('id="kernel-2"')[0]
    # one load and one store for each of 8 warps of 1536 blocks
    assert table(html, 4)[20][1] == f"{1536 * 8 * 2:,}"


def test_a_kernel_without_accesses(html):
    section = html.split('id="kernel-5"')[1].split('class="glossary"')[0]
    assert "accesses no" in section
    assert "void" in section and "idle" in section  # its source is shown nevertheless
    assert "<svg" not in section


def test_no_kernels(program):
    html = as_html([], Sources([program]), H100, "prog.cu")
    assert "launched no kernel" in html
    Page(html)


def test_the_page_names_its_gpu(program, kernels):
    html = as_html(list(kernels.values()), Sources([program]), GPUS["T4"], "prog.cu")
    assert "peak of T4: 8.1 TFLOP/s" in html
    assert "peak of H100" not in html


# ------------------------------------------------------------------------------- sentences


def test_the_costliest_comes_first_with_its_reason(kernels):
    first, *_, last = findings(kernels["strided<32>"], H100)
    assert first == (
        "The loads of `in` at line 6 move 32 sectors a request where 4 would do: neighbouring "
        "threads read addresses 128 bytes apart. They are 89 % of all sectors that this kernel "
        "moves."
    )
    # 32 flops; 36 sectors; 128 bytes read, 128 written
    assert last == (
        "On H100 it is memory-bound: at most 83.3 GFLOP/s if no cache helps (0.0278 flop/byte), "
        "at most 375 GFLOP/s if each byte is moved once (0.125 flop/byte)."
    )


def test_bank_conflicts_are_told_by_array(kernels):
    sentences = findings(kernels["transpose"], H100)
    assert sentences[0] == (
        "The loads of `plain` at line 14 take 32 passes over the banks of shared memory where 1 "
        "would do: neighbouring threads use words 32 apart, all in one bank."
    )
    assert not any("`tile`" in sentence for sentence in sentences)


def test_divergence_is_told_with_its_line(kernels):
    sentences = " ".join(findings(kernels["diverge"], H100))
    assert re.search(
        r"On average 1\.\d of a warp's 32 lanes are active; most are idle at line", sentences
    )


def test_a_reason_is_given_only_where_the_sample_stands_for_the_rest(kernels):
    kernel = kernels["strided<32>"]
    load = next(access for access in kernel.accesses if access.op == "load")
    other = replace(load, requests=10 * load.requests)  # so that 3.2 sectors are usual
    text = " ".join(findings(replace(kernel, accesses=[other]), H100))
    assert "bytes apart" not in text


@pytest.mark.parametrize(
    "offset, sectors, why",
    [
        (lambda i: 4 * i + 12, 5, "the first thread reads from byte 12 of a sector on"),
        (lambda i: 3072 * i, 32, "neighbouring threads read addresses 3,072 bytes apart"),
        (lambda i: 4 * (i % 8) + 4096 * (i // 8), 4, "only 8 neighbouring threads at a time read"),
        (lambda i: 4 * (7 * i * i % 1000), 30, ""),
    ],
)
def test_why_an_access_is_scattered(offset, sectors, why):
    load = Access("a.cu:1", "global", "load", 4, requests=1, sectors=sectors)
    load.sample = [offset(lane) for lane in range(32)]
    assert why_scattered(load).startswith(why) and bool(why_scattered(load)) == bool(why)


@pytest.mark.parametrize(
    "offset, passes, why",
    [
        (lambda i: 128 * i, 32, "neighbouring threads use words 32 apart, all in one bank"),
        (lambda i: 16 * i, 4, "neighbouring threads use words 4 apart, in 8 of the 32 banks"),
        (lambda i: 4 * (i % 8) + 128 * (i // 8), 4, "the words that a warp asks for lie in 8 of"),
    ],
)
def test_why_banks_conflict(offset, passes, why):
    load = Access("a.cu:1", "shared", "load", 4, requests=1, wavefronts=passes)
    load.sample = [offset(lane) for lane in range(32)]
    assert why_conflicts(load).startswith(why)


def test_a_good_kernel_is_called_good(kernels):
    sentences = findings(kernels["many"], H100)
    assert sentences[0].startswith("Nothing stands out: its accesses are coalesced")


def test_two_to_four_sentences(kernels):
    assert all(2 <= len(findings(kernel, H100)) <= 4 for kernel in kernels.values())


# --------------------------------------------------------------------------------- sources


def test_functions_are_found_where_they_stand():
    text = """#define F(x) { x }
namespace a::b {
template <class T, int N = (1 < 2)> struct V : W<T> {
  int y[2] = {1, 2};
 public:
  __device__ int get(int i) const noexcept {
    return y[i];
  }
};
}
extern "C" {
__global__ void __launch_bounds__(256)
    k(float* x) {
  auto f = [=](int i) { return "}"; };
}
}
enum E { A, B };
int main() { return 0; }
"""
    found = [(f.name, f.first, f.last) for f in find_functions(text, "a.cu")]
    assert found == [("get", 6, 8), ("k", 12, 15), ("main", 18, 18)]


def test_lines_by_name(program):
    sources = Sources([program])
    assert sources.text("prog.cu:1") == "// caf\N{REPLACEMENT CHARACTER}, in Latin-1"
    assert sources.text("part.cuh:2").strip() == "return x / 2.0f;"
    assert [sources.text(line) for line in ("", "prog.cu:9999", "other.cu:1")] == ["", "", ""]


# -------------------------------------------------------------------------- the command line


@pytest.fixture
def simt(program):
    def call(*words):
        return subprocess.run(
            [sys.executable, "-m", "simt", *words],
            cwd=program.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=100,
        )

    return call


def test_the_command_writes_the_page(simt, tmp_path):
    done = simt("profile", "prog.cu", "--html", str(tmp_path / "p.html"), "--gpu", "a100")
    assert (done.returncode, done.stderr) == (0, "")
    html = (tmp_path / "p.html").read_text()
    Page(html)
    assert "peak of A100" in html
    assert "strided&lt;32&gt;" in html
    assert "prog.cu:6  out[i] = in[N * i] * 2.0f;" in done.stdout
    assert "    32 flops" in done.stdout
    assert "roofline: On A100 it is memory-bound" in done.stdout


def test_a_page_that_cannot_be_written_costs_no_text(simt, tmp_path):
    done = simt("profile", "prog.cu", "--html", str(tmp_path / "no" / "p.html"))
    assert done.returncode == 2
    assert "p.html cannot be written: No such file or directory" in done.stderr
    assert "strided<32> <<<1, 32>>>" in done.stdout


def test_a_gpu_that_is_not_known(simt):
    done = simt("profile", "prog.cu", "--gpu", "Voodoo2")
    assert done.returncode == 2
    assert "H100, A100, T4, RTX 4090" in done.stderr
    assert done.stdout == ""


def test_help_names_the_options(simt):
    shown = simt("--help").stdout
    assert "--html FILE" in shown and "H100, A100, T4, RTX 4090 (H100 if left out)" in shown
    assert max(map(len, shown.splitlines())) <= 100
