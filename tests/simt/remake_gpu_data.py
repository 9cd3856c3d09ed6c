"""Remakes what the tests keep of a GPU's answers. Needs an NVIDIA GPU, nvcc and NVIDIA's tools.

    python tests/simt/remake_gpu_data.py             all of it
    python tests/simt/remake_gpu_data.py programs    faithful/outputs/*.txt
    python tests/simt/remake_gpu_data.py counters    counters/nsight_compute.json   (uses ncu)
    python tests/simt/remake_gpu_data.py checks      checks/compute_sanitizer.json

It needs nothing but Python's standard library, and prints what has changed.
"""

from __future__ import annotations

import csv
import datetime
import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NVCC = ["nvcc", "-std=c++17", "-arch=native", "-lineinfo"]
METRICS = {
    "global_load_requests": "l1tex__t_requests_pipe_lsu_mem_global_op_ld.sum",
    "global_store_requests": "l1tex__t_requests_pipe_lsu_mem_global_op_st.sum",
    "global_load_sectors": "l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum",
    "global_store_sectors": "l1tex__t_sectors_pipe_lsu_mem_global_op_st.sum",
    "shared_load_conflicts": "l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_ld.sum",
    "shared_store_conflicts": "l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_st.sum",
    "global_atomic_requests": "l1tex__t_requests_pipe_lsu_mem_global_op_red.sum",
    "global_atomic_sectors": "l1tex__t_sectors_pipe_lsu_mem_global_op_red.sum",
    "float_adds": "smsp__sass_thread_inst_executed_op_fadd_pred_on.sum",
    "float_multiplies": "smsp__sass_thread_inst_executed_op_fmul_pred_on.sum",
    "float_fused": "smsp__sass_thread_inst_executed_op_ffma_pred_on.sum",
}
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
PATIENCE = 40  # seconds for a tool and a bug: one bug is an endless loop


def output_of(*command: str | Path, timeout: float = 120) -> str:
    """What a command prints, errors too. Raises subprocess.TimeoutExpired."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        check=False,
    )
    return done.stdout.decode(errors="replace")


def machine(tool: str) -> dict[str, str]:
    """GPU, driver, CUDA, the tool's version and the date, to be kept beside what was measured."""
    gpu, driver = (
        output_of("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
        .split("\n")[0]
        .split(", ")
    )
    cuda = re.search(r"V(\d+\.\d+\.\d+)", output_of("nvcc", "--version"))
    version = re.search(r"\d{4}\.\d+\.\d+(\.\d+)?", output_of(tool, "--version"))
    return {
        "gpu": gpu,
        "driver": driver,
        "cuda": cuda[1] if cuda else "",
        tool.replace("-", "_").replace("ncu", "nsight_compute"): version[0] if version else "",
        "date": datetime.date.today().isoformat(),
    }


def programs(scratch: Path) -> None:
    """faithful/outputs: what each program prints on the GPU."""

    def run(source: Path) -> str:
        program = scratch / source.stem
        built = subprocess.run(
            [*NVCC, source, "-o", program], capture_output=True, text=True, check=False
        )
        if built.returncode:
            return f"{source.name}: nvcc refuses it\n{built.stderr}"
        try:
            done = subprocess.run(
                [program], capture_output=True, text=True, timeout=60, check=False
            )
        except subprocess.TimeoutExpired:
            return f"{source.name}: no end within 60 s"
        if done.returncode:
            return f"{source.name}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
        kept = source.parent / "outputs" / f"{source.stem}.txt"
        before = kept.read_text() if kept.exists() else None
        kept.write_text(done.stdout)
        return f"{source.name}: " + ("as before" if before == done.stdout else "NEW OUTPUT")

    with ThreadPoolExecutor(8) as pool:
        for line in pool.map(run, sorted((FOLDER / "faithful").glob("*.cu"))):
            print(line, flush=True)


def counters(scratch: Path) -> None:
    """counters/nsight_compute.json: the metrics of each kernel."""
    program = scratch / "counters"
    subprocess.run([*NVCC, FOLDER / "counters" / "kernels.cu", "-o", program], check=True)
    command = ["ncu", "--csv", "--page", "raw", "--metrics", ",".join(METRICS.values()), program]
    text = output_of(*command, timeout=600)
    rows = list(csv.DictReader(text[text.index('"ID"') :].splitlines()))[1:]  # [0]: the units
    kernels = {}
    for row in rows:
        name = re.split(r"[<(]", row["Kernel Name"])[0].removeprefix("void ")
        kernels[name] = {
            ours: int(float(row[theirs].replace(",", ""))) for ours, theirs in METRICS.items()
        }
    write(
        FOLDER / "counters" / "nsight_compute.json",
        {**machine("ncu"), "metrics": METRICS, "kernels": kernels},
    )


def checks(scratch: Path) -> None:
    """checks/compute_sanitizer.json: what each of its tools says of each seeded bug."""
    source = FOLDER / "checks" / "bugs.cu"
    program = scratch / "bugs"
    subprocess.run([*NVCC, source, "-o", program], check=True)
    names = sorted({*re.findall(r"// BUG (\w+) ", source.read_text()), "leak"})

    def run(job: tuple[str, str]) -> dict:
        name, tool = job
        command = ["compute-sanitizer", "--tool", tool, "--print-limit", "64"]
        if name == "leak" and tool == "memcheck":
            command += ["--leak-check", "full"]
        try:
            text = output_of(
                "timeout", "-k", "1", str(PATIENCE), *command, program, name, timeout=90
            )
        except subprocess.TimeoutExpired:
            text = ""
        if "ERROR SUMMARY" not in text and "RACECHECK SUMMARY" not in text:
            return {"verdict": f"no end within {PATIENCE} s"}
        return verdict(text)

    jobs = [(name, tool) for name in names for tool in TOOLS]
    quick = [job for job in jobs if job[0] != "endless"]
    with ThreadPoolExecutor(6) as pool:
        found = dict(zip(quick, pool.map(run, quick), strict=True))
    with ThreadPoolExecutor(4) as pool:
        slow = [job for job in jobs if job[0] == "endless"]
        found.update(zip(slow, pool.map(run, slow), strict=True))
    bugs = {name: {tool: found[name, tool] for tool in TOOLS} for name in names}
    write(
        FOLDER / "checks" / "compute_sanitizer.json",
        {**machine("compute-sanitizer"), "bugs": bugs},
    )


def verdict(text: str) -> dict:
    """How many reports there are, the first one's words, and the lines that they name."""
    said = [line.lstrip("= ").rstrip() for line in text.splitlines() if line.startswith("=====")]
    summary = re.findall(r"(?:ERROR SUMMARY|RACECHECK SUMMARY): (\d+)", text)
    reports = sum(int(number) for number in summary)
    if not reports:
        return {"reports": 0}
    first = next(line for line in said if line and not line.startswith("COMPUTE-SANITIZER"))
    lines = sorted({int(number) for number in re.findall(r"bugs\.cu:(\d+)", "\n".join(said))})
    return {"reports": reports, "first": first, "lines": lines}


def write(path: Path, data: dict) -> None:
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(data, indent=1) + "\n")
    for part in ("kernels", "bugs"):
        for name in sorted({*data.get(part, {}), *before.get(part, {})}):
            if data.get(part, {}).get(name) != before.get(part, {}).get(name):
                print(f"{path.name}: {name} changed", flush=True)


PARTS = {"programs": programs, "counters": counters, "checks": checks}


def main() -> int:
    wanted = sys.argv[1:] or list(PARTS)
    if not set(wanted) <= set(PARTS):
        print(__doc__)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        for name in wanted:
            PARTS[name](Path(scratch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
