"""Builds the CUDA programs beside this file and runs them on the CPU."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from simt.build import build_program

PROGRAMS = Path(__file__).parent / "programs"
FAITHFUL = Path(__file__).parent / "faithful"


@pytest.fixture(scope="session")
def run_program():
    """run(name, *args, **environment) -> CompletedProcess of programs/<name>.cu"""

    def run(name: str, *args: str, **environment: str) -> subprocess.CompletedProcess:
        program = build_program(PROGRAMS / f"{name}.cu")
        return subprocess.run(
            [program.path, *args],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, **environment},
        )

    return run


@pytest.fixture(scope="session")
def results(run_program):
    """results(name) -> what a program prints, one "key value value ..." a line, as a dict."""

    def read(name: str, *args: str, **environment: str) -> dict[str, list[float]]:
        done = run_program(name, *args, **environment)
        assert done.returncode == 0, done.stderr
        lines = [line.split() for line in done.stdout.splitlines()]
        return {key: [json.loads(v) for v in values] for key, *values in lines}

    return read


@pytest.fixture(scope="session", params=["forward", "reverse"])
def order(request):
    """The order in which the threads of a block run."""
    return request.param


@pytest.fixture(scope="session")
def faithful(order):
    """faithful(name) -> {label: [the values of each of its lines]}, as faithful/<name>.cu prints"""
    known: dict[str, dict[str, list[list[int]]]] = {}

    def run(name: str) -> dict[str, list[list[int]]]:
        if name in known:
            return known[name]
        done = subprocess.run(
            [build_program(FAITHFUL / f"{name}.cu").path],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "SIMT_ORDER": order},
        )
        assert done.returncode == 0, done.stderr
        found = known[name] = {}
        for line in done.stdout.splitlines():
            label, _, values = line.partition(" = ")
            found.setdefault(label, []).append([int(v) for v in values.split()])
        return found

    return run
