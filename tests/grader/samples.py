"""Results to make reports of: everything in them that a report can show, and hostile text."""

import numpy as np

from grader import evidence
from grader.results import CheckResult, Result
from grader.scoring import Place

EVIL = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\"'&\x1b[31m\x00"
PLACE = {
    "date": "2026-03-01T10:20:30+00:00",
    "device": "cpu",
    "device_name": "A CPU <b>",
    "cores": 2,
    "platform": "Linux",
    "versions": {"python": "3.11", "torch": "2"},
    "seed": "1",
    "isolation": "process + rlimits",
}


def access(space: str = "global", stride: int = 1024, line: str = "gpt.cu:9") -> dict:
    return {
        "line": line, "space": space, "op": "load", "size": 4, "requests": 10, "lanes": 320,
        "sectors": 320, "ideal_sectors": 40, "wavefronts": 320, "ideal_wavefronts": 10, "crowd": 0,
        "array": "weight", "element_size": 4, "start": 0,
        "sample": [stride * lane for lane in range(32)],
    }  # fmt: skip


def traffic() -> dict:
    numbers = {
        "sectors": 9e5, "extra_passes": 300.0, "reference_sectors": 3e5, "ratio": 3.0,
        "flops": 7.5e7, "array_bytes": 2755584,
    }  # fmt: skip
    accesses = [access(), access("shared", 128)]
    return {"traffic": [{"function": "linear", "case": "linear(m=64)", **numbers} | {
        "accesses": accesses}]}  # fmt: skip


def check(id: str, status: str, points: float, most: float, **fields) -> CheckResult:
    return CheckResult(id, f"{id} is right", status, points, most, **fields)


def failing() -> Result:
    """Each status, each kind of evidence, and text that would like to be HTML."""
    wrong = np.zeros((64, 96), bool)
    wrong[32:, 40:] = True
    curve = evidence.curve([Place("", 0.6, 0.55, 0.66)], 0.93, 0.2, 0.02)
    ratios = {"gelu": 1.0, "layernorm": 1.01, "linear": 120.0}
    counted = [Place(name, ratio, ratio, ratio) for name, ratio in ratios.items()]
    checks = [
        check("build", "passed", 0, 0, message=EVIL),
        check(
            "linear", "failed", 0, 20, message=f"first line {EVIL}\nsecond line", hint="look",
            more_hints=["closer", "must hold"], revisit="Lab 3",
            figures={"name": EVIL, "nan": "nan"},
            evidence=evidence.errors(f"linear {EVIL}", wrong), seconds=1.25,
        ),
        check("memory", "error", 0, 10, message="The grader failed."),
        check("model", "skipped", 0, 10, message="Not run."),
        check("traffic", "passed", 2, 5,
              evidence=traffic() | evidence.curve(counted, 1.1, 4.0)),
        check("speed", "passed", 5.5, 10, lost="none at 0.2 ────●──── 0.93 all", hint="faster",
              doubt=f"0.92 may be 0.93 {EVIL}",
              evidence=curve | evidence.ladder("3_kv_cache", 180.0, 300.0, 0.6)),
        check("decoder", "passed", 5, 10, extra=True),
    ]  # fmt: skip
    earlier = {
        "score": 3.0, "max_score": 55, "extra": 0, "date": "2026-02-01T00:00:00+00:00",
        "device": "cpu", "device_name": EVIL, "points": {},
    }  # fmt: skip
    return Result(
        checks,
        dict(PLACE),
        {"linear": EVIL},
        EVIL,
        [earlier, earlier | {"score": 5.0}],
        [{"id": "speed", "text": f"Faster than memory {EVIL}"}],
    )
