"""What simt might have told of a kernel, and where each check's words end up."""

import json
from html.parser import HTMLParser

from grader.report import gradescope, html, junit
from grader.results import Result
from simt.lines import Line
from simt.profiling.arithmetic import BasicBlock
from tests.grader import samples
from tests.grader.fuzzing import is_printable

KERNEL = {
    "kernel": "linear_kernel", "file": "/x/gpt.cu", "line": 160, "grid": [1, 1, 1],
    "block": [32, 32, 1], "dynamic_shared": 0, "static_shared": 8320, "launches": 1, "blocks": 2,
    "traced_blocks": 1, "barriers": 2, "truncated": 0, "bytes_read": 8320, "bytes_written": 4096,
    "accesses": [
        {"pc": 64 + i, "size": 4, "op": op, "space": space, "requests": 32, "lanes": 1024,
         "sectors": 128, "ideal_sectors": 64, "wavefronts": 64, "ideal_wavefronts": 32, "crowd": 0,
         "array": "in", "element_size": 4, "start": 0, "sample": [4 * i for i in range(32)]}
        for i, (op, space) in enumerate(
            [("load", "global"), ("store", "shared"), ("atomic", "program")])
    ],
    "code": [[64, 10, 320], [80, 1, 32]],
    "shared": {"tile": {"element_size": 4, "extents": [2, 2], "accesses": [1, 2, 3, 4]}},
}  # fmt: skip
PROFILES = [KERNEL, KERNEL | {"kernel": "other", "accesses": KERNEL["accesses"][:1]}]
REPORT = {
    "kind": "shared_race", "error": 0, "kernel": "linear_kernel", "file": "gpt.cu", "line": 160,
    "block": [0, 0, 0], "threads": "(1,0,0)..(2,0,0)", "at": "gpt.cu:140",
    "message": "tile[1] is read at gpt.cu:140 and written at gpt.cu:144",
    "details": ["gpt.cu:140 reads it: thread (1,0,0)"], "among": "block", "count": 3,
    "problem": True,
}  # fmt: skip
CHECKED = {
    "kernels": {"linear_kernel": 2},
    "reports": [REPORT, REPORT | {"kind": "out_of_bounds", "among": "", "error": 719}, REPORT],
}
LANES = [4 * i for i in range(32)]
TRACES = [{
    "kernel": "gelu_kernel", "file": "/x/gpt.cu", "line": 36, "grid": [2, 1, 1],
    "block": [64, 1, 1], "num_blocks": 2, "lost": 0,
    "arrays": [{"name": "in", "space": "global", "size": 512, "element_size": 4, "start": 4096,
                "extents": []},
               {"name": "tile", "space": "shared", "size": 512, "element_size": 4, "start": 0,
                "extents": [4, 32]}],
    "patterns": [LANES, [0] + [-1] * 31],
    "forms": [{"kind": "request", "pc": 64, "op": "load", "size": 4, "array": 0, "pattern": 0,
               "cost": 4, "ideal": 4},
              {"kind": "barrier", "what": "__syncthreads", "line": "gpt.cu:7", "lanes": 64},
              {"kind": "meeting", "what": "__shfl_sync", "line": "gpt.cu:8", "lanes": 3}],
    "blocks": [[0, [0, 0, 0, 0, 1, 128, 1, -1, 0, 2, 0, 0]], [1, [0, 0, 256]]],
}]  # fmt: skip


def told(data) -> str:
    """JSON text, also of what JSON has no numbers for."""
    return json.dumps(data)


def lines_of(binary, offsets, run) -> dict[int, Line]:
    """As simt.lines', with no tool: it must be asked with numbers."""
    return {at: Line(f"gpt.cu:{at % 50}", at % 2 == 0) for at in sorted(set(offsets)) if hex(at)}


def basic_blocks(binary, starts, run) -> dict[int, BasicBlock]:
    return {
        at: BasicBlock([at, at + 4], {at}, {at + 4: 2}, {at: "expf"}) for at in starts if hex(at)
    }


class Page(HTMLParser):
    """The elements of a page that could do something, but for links within it."""

    def __init__(self, page: str):
        super().__init__()
        self.active: list = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        links = [values[name] or "" for name in ("href", "src") if name in values]
        if (
            tag in ("script", "iframe", "object", "embed", "img", "form", "input", "base")
            or any(name.startswith("on") for name in values)
            or not all(link.startswith("#") or link == "data:," for link in links)
        ):
            self.active.append((tag, attributes))


def shown(message: str, figures: dict, evidence: dict) -> None:
    """It can be said in each kind of report, and does nothing there."""
    check = samples.check("gelu", "failed", 0, 5, message=message, figures=figures,
                          evidence=evidence)  # fmt: skip
    result = Result([check], dict(samples.PLACE), {}, "a submission", [])
    text = result.text()
    document = json.loads(text)
    assert all(is_printable(one) for one in leaves(document)), document
    again = Result.from_document(document)
    json.loads(gradescope.results(again))
    junit.xml(again)
    assert not Page(html.page(again)).active


def leaves(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, str):
        yield value
