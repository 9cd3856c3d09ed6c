"""Clusters: one that is there and loses its scheduler, and one on a Slurm that is a stub."""

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from distributed import Client

from grader.classroom import ClassroomError, cluster
from grader.classroom.documents import parsed
from tests.classroom.slurm import Slurm
from tests.whole import ALL

DASK = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@pytest.fixture
def start():
    """start("dask_worker", ...) -> the process of that command of Dask's; ended with the test."""
    processes = []

    def run(name: str, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.{name}", "--no-dashboard", *arguments]
        processes.append(subprocess.Popen(command, **DASK))
        return processes[-1]

    yield run
    for one in processes:
        end(one)


def end(process: subprocess.Popen) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    process.kill()
    process.wait()


def scores(out: Path) -> dict[str, float]:
    return {path.stem: parsed(path.read_text()).score for path in out.glob("results/*.json")}


@pytest.mark.skipif(not ALL, reason="takes long: in make test-all")
def test_a_scheduler_that_dies_and_comes_back(tmp_path, hand_in, classroom, begun, start):
    for i in range(4):
        hand_in(f"s{i}", f"sleep 0.5 points {i + 1}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = f"tcp://127.0.0.1:{port}"
    here = ("--host", "127.0.0.1", "--port", port)
    worker = ("dask_worker", address, "--nthreads", "1", "--death-timeout", "60")
    scheduler = start("dask_scheduler", *here)
    first = start(*worker)

    def restart():
        while len(begun()) < 2:
            time.sleep(0.05)
        end(scheduler)
        end(first)
        start("dask_scheduler", *here)
        start(*worker)

    thread = threading.Thread(target=restart)
    thread.start()
    status, said = classroom("--cluster", address)
    thread.join()
    assert status == 0 and "Traceback" not in said, said
    assert scores(tmp_path / "out") == {f"s{i}": 2.0 * (i + 1) for i in range(4)}
    assert [part for _, part in begun()].count("timed") == 4


def test_jobs_of_slurm(tmp_path, hand_in, classroom, begun, monkeypatch):
    """dask-jobqueue itself, with an sbatch that starts the job's script here."""
    stub = Slurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", str(stub.bin), prepend=":")
    for i in range(3):
        hand_in(f"s{i}", f"points {i + 1}")
    config = tmp_path / "slurm.toml"
    config.write_text(
        '[cluster]\nqueue = "students"\ncores = 1\nprocesses = 1\nmemory = "2GB"\n'
        'walltime = "01:00:00"\ninterface = "lo"\n[scale]\nmaximum_jobs = 2\n'
    )
    status, said = classroom("--slurm", str(config))
    stub.end()
    assert status == 0, said
    assert scores(tmp_path / "out") == {f"s{i}": 2.0 * (i + 1) for i in range(3)}
    assert stub.jobs and len(stub.jobs) == len(stub.scripts)
    for script in stub.scripts:
        assert "#SBATCH -p students" in script and "#SBATCH -t 01:00:00" in script
    assert len(begun()) == 6


@pytest.mark.parametrize("text", ["[cluster]\nnonsense = 1\n", "[clutser]\n", "= 1"])
def test_a_wrong_configuration_is_refused(text, tmp_path):
    path = tmp_path / "slurm.toml"
    path.write_text(text)
    with pytest.raises(ClassroomError, match="--slurm"), cluster.slurm(path):
        pass


def test_nobody_at_an_address(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", "1s")
    nobody = cluster.existing("tcp://127.0.0.1:9")
    with pytest.raises(ClassroomError, match="no scheduler answers"), nobody:
        pass


def visible() -> tuple[str, float, float]:
    begun = time.time()
    time.sleep(0.3)
    return os.environ["CUDA_VISIBLE_DEVICES"], begun, time.time()


def test_each_gpu_has_one_grading_at_a_time(monkeypatch):
    monkeypatch.setattr(cluster, "gpus_here", lambda: ["3", "5"])
    with cluster.local(device="cuda") as client:
        futures = [client.submit(visible, resources={cluster.GPU: 1}, pure=False) for _ in range(6)]
        found = client.gather(futures)
    assert {gpu for gpu, _, _ in found} == {"3", "5"}
    for gpu in ("3", "5"):
        times = sorted((begun, ended) for one, begun, ended in found if one == gpu)
        assert all(ended <= begun for (_, ended), (begun, _) in itertools.pairwise(times))
    monkeypatch.setattr(cluster, "gpus_here", list)
    with pytest.raises(ClassroomError, match="no GPU is here"), cluster.local(device="cuda"):
        pass


def test_a_worker_that_is_killed_before_it_is_there():
    killed = []

    def kill():
        until = time.monotonic() + 30
        while not killed and time.monotonic() < until:
            for one in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if "spawn_main" in " ".join(one.cmdline()):
                        killed.append(one.kill())
                        return
            time.sleep(0.01)

    thread = threading.Thread(target=kill)
    thread.start()
    with cluster.local(1) as client:
        thread.join()
        assert client.submit(abs, -1).result(timeout=30) == 1
    assert killed


def test_workers_that_die_again_while_they_start_come_back():
    """A nanny gives up on them."""
    with cluster.local(2) as client:
        killed, until = 0, time.monotonic() + 8
        while time.monotonic() < until:
            for one in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if "spawn_main" in " ".join(one.cmdline()):
                        one.kill()
                        killed += 1
            time.sleep(0.2)
        assert killed > 2
        client.wait_for_workers(2, timeout=60)
        assert client.submit(abs, -1).result(timeout=30) == 1


def test_workers_that_never_start_are_said(monkeypatch):
    def fails(**_):
        raise RuntimeError("Nanny failed to start.") from MemoryError("none left")

    monkeypatch.setattr(cluster, "LocalCluster", fails)
    with pytest.raises(ClassroomError, match=r"none left.*fewer --workers"), cluster.local(2):
        pass


def test_a_machine_is_quiet_for_one_worker():
    with cluster.local(2) as client:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            workers = client.scheduler_info()["workers"].values()
            quiet = [one["resources"].get(cluster.QUIET, 0) for one in workers]
            if sum(quiet) == 1:
                break
            time.sleep(0.1)
        assert sorted(quiet) == [0, 1]
        address = client.scheduler.address
        with pytest.raises((OSError, TypeError)):  # nobody else gives it work
            Client(address, timeout=3)
        with pytest.raises(OSError):
            Client(address.replace("tls://", "tcp://"), timeout=3)
