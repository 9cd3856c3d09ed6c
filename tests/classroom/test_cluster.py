"""Clusters: one that is there and loses its scheduler, and one on a Slurm that is a stub."""

import contextlib
import itertools
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from distributed import Client
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker
from distributed.security import Security

from grader.classroom import ClassroomError, cluster, running, work
from grader.classroom.documents import parsed
from grader.grading import PARTS, TIMED, UNTIMED
from tests.classroom.slurm import Slurm
from tests.whole import in_all

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


@in_all
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


def test_a_cluster_with_keys(tmp_path, hand_in, classroom, begun, start, monkeypatch):
    """By Dask's own options and its own configuration."""
    keys = Security.temporary().get_tls_config_for_role("client")
    for name in ("ca_file", "cert", "key"):
        (tmp_path / name).write_text(keys[name])
    options = [
        part
        for name in ("ca_file", "cert", "key")
        for part in (f"--tls-{name.replace('_', '-')}", str(tmp_path / name))
    ]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = f"tls://127.0.0.1:{port}"
    here = ("--host", "127.0.0.1", "--port", port)
    start("dask_scheduler", *here, "--protocol", "tls", *options)
    start("dask_worker", address, "--nthreads", "1", "--host", "127.0.0.1", *options)
    hand_in("ada", "points 7")
    status, said = classroom("--cluster", address)  # with no keys
    assert status == 2 and "the keys for it are missing" in said and not begun()
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TLS__CA_FILE", str(tmp_path / "ca_file"))
    for name in ("cert", "key"):
        variable = f"DASK_DISTRIBUTED__COMM__TLS__CLIENT__{name.upper()}"
        monkeypatch.setenv(variable, str(tmp_path / name))
    status, said = classroom("--cluster", address)
    assert status == 0, said
    assert scores(tmp_path / "out") == {"ada": 14.0}
    status, said = classroom("--cluster", address.replace("tls", "tcp"), "--regrade", "ada")
    assert status == 2 and "no scheduler answers" in said and len(begun()) == 2


def test_jobs_of_slurm(tmp_path, hand_in, classroom, begun, monkeypatch):
    """dask-jobqueue itself, with an sbatch that starts the job's script here."""
    stub = Slurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", str(stub.bin), prepend=":")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
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
        keys = re.findall(r"--tls-(?:ca-file|cert|key) (\S+)", script)  # the job's own
        assert len(keys) == 3 and "tls://127.0.0.1" in script
        assert all(tmp_path / "home" in Path(key).parents for key in keys)
        assert not any(Path(key).exists() for key in keys)  # they end with the run
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
    with pytest.raises(cluster.NoScheduler, match="no scheduler answers"), nobody:
        pass


class Given:
    """A future that a scheduler has given up so many times; then it is done."""

    status = "error"

    def __init__(self, times: int):
        self.times = times

    def exception(self) -> Exception | None:
        return KilledWorker("k", SimpleNamespace(address="tcp://gone"), 3)

    def result(self) -> work.Outcome:
        return work.Outcome("document")

    def release(self) -> None:
        self.status = "finished" if self.times <= 1 else "error"
        self.times -= 1


@pytest.mark.parametrize(("times", "document"), [(3, "document"), (99, "")])
def test_workers_that_others_kill_say_nothing_against_a_submission(monkeypatch, times, document):
    """The scheduler of an existing cluster gives a task up when its workers died three times."""
    future, coming = Given(times), []

    class Completed:
        def add(self, one):
            coming.append(one)

        def next_batch(self, block):
            return [coming.pop()] if coming else []

    class Asked:
        def submit(self, *_, **__):
            return future

    monkeypatch.setattr(running, "as_completed", Completed)
    monkeypatch.setattr(running, "_able", lambda *_: 1)
    task = work.Task("k", "ada", {}, ())
    outcomes = list(running._outcomes(Asked(), [task], {}, lambda workers: None))
    assert [outcome.document for _, outcome in outcomes] == [document]


def test_a_scheduler_may_be_away_for_a_while(monkeypatch):
    """It was there once: who asks waits until it is back, or for ten minutes."""
    said = iter([None, CommClosedError(), cluster.NoScheduler("away"), cluster.NoScheduler("away"),
                 None])  # fmt: skip
    left, ticks, now = [1], [], [0.0]

    @contextlib.contextmanager
    def connect():
        error = next(said)
        if isinstance(error, cluster.NoScheduler):
            raise error
        yield error

    def run(client, stages, finished, tick):
        if len(ticks) < 3:
            raise client or CommClosedError()
        left.clear()

    monkeypatch.setattr(running, "_run", run)
    monkeypatch.setattr(running.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(running.time, "monotonic", lambda: now[0])
    stages = [(lambda: left, {})]
    running.run(connect, stages, None, ticks.append, reconnect=True)
    assert not left and ticks == [0, 0, 0, 0]
    left.append(1)
    said = itertools.chain([CommClosedError()], itertools.repeat(cluster.NoScheduler("away")))
    ticks.clear()
    with pytest.raises(ClassroomError, match="away for 10 minutes"):
        running.run(connect, stages, None, ticks.append, reconnect=True)
    said = itertools.repeat(cluster.NoScheduler("nobody there"))
    with pytest.raises(ClassroomError, match="nobody there"):  # and never was
        running.run(connect, stages, None, ticks.append, reconnect=True)


def visible() -> tuple[str, float, float]:
    begun = time.time()
    time.sleep(0.3)
    return os.environ["CUDA_VISIBLE_DEVICES"], begun, time.time()


def test_a_gpu_has_one_timing_at_a_time_and_nothing_beside_it(monkeypatch):
    monkeypatch.setattr(cluster, "gpus_here", lambda: ["3", "5"])
    monkeypatch.setattr(cluster, "_ask_driver", lambda field: ["16000", "24000"])
    needs = cluster.needs("cuda", PARTS)
    with cluster.local(6, "cuda") as client:
        assert running._able(client, needs[TIMED]) == 2
        assert running._able(client, needs[UNTIMED]) == 6
        parts = [UNTIMED] * 6 + [TIMED] * 4 + [UNTIMED] * 6
        futures = [client.submit(visible, resources=needs[part], pure=False) for part in parts]
        found = list(zip(parts, client.gather(futures), strict=True))
    assert {gpu for _, (gpu, _, _) in found} == {"3", "5"}
    shared = 0
    for (part, (gpu, begun, ended)), (other, (where, start, end)) in itertools.combinations(
        found, 2
    ):
        if gpu == where and begun < end and start < ended:
            assert part == other == UNTIMED
            shared += 1
    assert shared
    monkeypatch.setattr(cluster, "gpus_here", list)
    with pytest.raises(ClassroomError, match="no GPU is here"), cluster.local(device="cuda"):
        pass


@pytest.mark.parametrize(
    ("memory", "gpus", "count", "each"),
    [(["81559"], 1, 16, 8), (["81559"] * 4, 4, 16, 4), (["8192"], 1, 16, 2), ([], 1, 16, 1),
     (["81559"] * 4, 4, 2, 1)],
)  # fmt: skip
def test_how_many_share_a_gpu(monkeypatch, memory, gpus, count, each):
    monkeypatch.setattr(cluster, "_ask_driver", lambda field: memory)
    assert cluster.sharing(gpus, count) == each


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


@in_all
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
