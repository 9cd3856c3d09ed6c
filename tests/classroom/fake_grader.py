"""In the place of grade.py, for tests of what surrounds it: takes its arguments, and gives points
by what gpt.cu says:

    // points 7         7 of 10 for gelu, at once
    // sleep 2          after so many seconds
    // die              kills itself
    // slow death       writes half of a document, then dies
    // usage            exits with status 2
"""

import argparse
import json
import os
import re
import signal
import time
from pathlib import Path

from grader.grading import TIMED, UNTIMED
from grader.results import CheckResult, Result
from tests.grader.samples import PLACE

parser = argparse.ArgumentParser()
parser.add_argument("submission", type=Path)
parser.add_argument("--json", type=Path)
parser.add_argument("--device")
parser.add_argument("--part")
parser.add_argument("--stage")
parser.add_argument("--progress")
parser.add_argument("--no-history", action="store_true")
options = parser.parse_args()
signal.signal(signal.SIGTERM, lambda *_: os._exit(130))
text = (options.submission / "gpt.cu").read_text()
if log := os.environ.get("FAKE_GRADER_LOG"):
    with open(log, "a") as file:
        file.write(json.dumps({"name": options.submission.name, "part": options.part}) + "\n")
if found := re.search(r"sleep ([\d.]+)", text):
    time.sleep(float(found[1]))
if "usage" in text:
    print("grade.py: rubric.toml: points is missing", file=__import__("sys").stderr)
    raise SystemExit(2)
if "slow death" in text:
    options.json.write_text('{"schema_version": 3, "che')
if "die" in text or "death" in text:
    os.kill(os.getpid(), signal.SIGKILL)
found = re.search(r"points (\d+)", text)
points = float(found[1]) if found else 0.0


def check(id: str, points: float, most: float, **fields) -> CheckResult:
    status = "passed" if points else "failed"
    return CheckResult(id, f"{id} is right", status, points, most, fraction=points / most, **fields)


checks = []
if options.part != TIMED:
    checks.append(
        check("gelu", points, 10, message="" if points else "the last elements are wrong")
    )
if options.part != UNTIMED:
    ratio = 0.2 + 0.73 * points / 10
    places = [{"name": "", "ratio": ratio, "low": ratio - 0.01, "high": ratio + 0.01}]
    curve = {"full_ratio": 0.93, "zero_ratio": 0.2, "precision": 0.02, "places": places}
    ladder = {"rung": "3_kv_cache", "tokens_per_s": 100 * ratio, "reference_tokens_per_s": 100.0,
              "ratio": ratio}  # fmt: skip
    evidence = {"curve": curve, "ladder": ladder}
    checks.append(check("speed", points, 10, evidence=evidence))
Result(checks, dict(PLACE), submission=options.submission.name).write(options.json)
