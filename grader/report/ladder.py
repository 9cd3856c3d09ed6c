"""The reference ladder as measured on a GPU, and a submission's place on it.

ladder.json is what is shown of docs/ladder.json; `python -m grader.report.ladder` makes it.

On the same GPU, tokens/s are compared as they are. Anywhere else, and where the work is another,
the place is the ratio to the rung that the submission was timed against, times that rung's speed.
"""

import json
import math
from pathlib import Path

from grader.results import Result
from mingpt.paths import ROOT

MEASURED = Path(__file__).with_name("ladder.json")
SAME_WORK = ("fast", "bonus")  # checks that decode with a model of GPT-2's size, as the ladder does


def view(result: Result) -> dict | None:
    """Rungs and the submission, the slowest first, with the lengths of their bars; None where no
    tokens/s were measured. For an unknown rung, only what was measured here."""
    timed = [check for check in result.checks if check.evidence.get("ladder")]
    if not timed:
        return None
    check = timed[-1]  # of the highest stage
    own = check.evidence["ladder"]
    rung, rate = str(own["rung"])[:40], float(own["tokens_per_s"])
    reference = float(own["reference_tokens_per_s"])
    ratio = float(own["ratio"])
    if not all(0 < number < math.inf for number in (rate, reference, ratio)):
        raise ValueError("a rate is no positive number")
    place = str(result.environment["device_name"])
    told = {
        "check": check.id,
        "rung": rung.replace("_", " "),
        "rate": f"{rate:,.0f}",
        "reference": f"{reference:,.0f}",
        "ratio": f"{ratio:.2f}",
        "place": place,
        "bandwidth": bandwidth(check.figures, rate),
        "rows": [],
    }
    measured = read()
    speeds = {name: one["tokens_per_s"] for name, one in measured.get("rungs", {}).items()}
    if rung not in speeds:
        return told
    same = check.id in SAME_WORK and place == measured["device"]
    yours = rate if same else speeds[rung] * ratio
    rows = [
        {"name": one["label"], "rate": one["tokens_per_s"], "kind": "rung", "dtype": one["dtype"]}
        for one in measured["rungs"].values()
    ]
    rows.append({"name": "you", "rate": yours, "kind": "you", "dtype": ""})
    rows.sort(key=lambda row: row["rate"])
    most = math.log10(max(10.0, *(row["rate"] for row in rows)))
    for row in rows:
        row["bar"] = round(100 * max(0.02, math.log10(max(1.0, row["rate"])) / most), 1)
        row["rate"] = f"{row['rate']:,.0f}"
        row["name"] += " (timed against)" if row["name"] == told["rung"] else ""
    return told | {"rows": rows, "same": same, "machine": measured["device"]}


def bandwidth(figures: dict, rate: float) -> str:
    """What a decoder reads: its bytes a step times its steps a second."""
    size = figures.get("bytes_per_step")
    if not isinstance(size, int | float) or size <= 0:
        return ""
    return f"{size / 1e6:,.0f} MB a step, {size * rate / 1e9:,.0f} GB/s"


def read() -> dict:
    """{"device", "rungs": {name: {"label", "dtype", "tokens_per_s"}}}"""
    return json.loads(MEASURED.read_text("utf-8"))


def extract(measured: dict) -> dict:
    """The same of docs/ladder.json's document: the rungs of its first workload."""
    rungs = {
        one["name"]: {key: one[key] for key in ("label", "dtype", "tokens_per_s")}
        for one in measured["workloads"][0]["results"]
        if one["rung"]
    }
    return {"device": measured["machine"]["device"], "rungs": rungs}


if __name__ == "__main__":
    document = json.loads((ROOT / "docs" / "ladder.json").read_text("utf-8"))
    MEASURED.write_text(json.dumps(extract(document), indent=1) + "\n", "utf-8")
