"""Where gradings run: a Dask cluster on this machine, one that is there already, or one on Slurm.

What measures time must have its machine to itself, or what runs beside it is measured too. So it is
a task of its own (--part timed), which needs the resource QUIET; a machine has one of these,
whatever the number of its workers, and they start when everything else is done. A GPU is the
resource GPU, one on the worker that sees it. A timing needs the whole of it: so one runs at a time
on each, and nothing beside it. The untimed part of a grading needs it for moments (it compiles,
imports torch, computes references on the CPU), and takes a share: so many fill the cores.
"""

import contextlib
import fcntl
import logging
import os
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import dask
import psutil
from distributed import Client, LocalCluster, Nanny, Scheduler, SpecCluster, Worker
from distributed.core import Status
from distributed.diagnostics.plugin import WorkerPlugin
from distributed.security import Security
from tornado.ioloop import PeriodicCallback

from grader.classroom import ClassroomError, work
from grader.grading import TIMED

QUIET, GPU = "quiet", "GPU"
SHARE = 1 / 8  # of a GPU, that an untimed part takes; how many are at once, a worker's threads say
NOWHERE = "127.0.0.1:0"  # of the scheduler's web pages, of which there are none
PATIENCE = "20s"  # for a scheduler to answer
STARTS = 3  # tries
LOOK = 2.0  # seconds between two looks at whether all workers are there
MEMORY = 2 << 30  # bytes that a grading takes at most: three processes with torch and a model
GPU_MEMORY = 4 << 30  # bytes of a GPU's: three processes with CUDA and a model
# A worker that dies says nothing against what it graded (work.py): Dask shall try again.
SETTINGS = {
    "distributed.scheduler.allowed-failures": 1000,
    "distributed.worker.memory.terminate": False,
    "distributed.deploy.lost-worker-timeout": "5s",
    "distributed.comm.timeouts.connect": "20s",
    "distributed.scheduler.http.routes": [],
    # Nobody reads these, and they take a core's 4 % for each worker:
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "5s",
}


class NoScheduler(ClassroomError):
    """Nobody answers at the address of a cluster."""


class Quiet(WorkerPlugin):
    """Gives the resource QUIET to one worker of each machine: the one that holds a lock there.

    When that worker dies, the one that takes its place gets it.
    """

    name = "mingpt-lab-quiet"

    def __init__(self, run: str):
        self.run = run  # another one's lock is another

    async def setup(self, worker: Worker) -> None:
        work.place().mkdir(parents=True, exist_ok=True, mode=0o700)
        path = work.place() / f"quiet-{self.run}"
        self._lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        await worker.set_resources(**{QUIET: 1})

    def teardown(self, worker: Worker) -> None:
        os.close(self._lock)


def needs(device: str, parts: Iterable[str]) -> dict[str, dict[str, float]]:
    """The resources that each part of a grading needs."""
    if device == "cuda":
        return {part: {GPU: 1 if part == TIMED else SHARE} for part in parts}
    return {part: {QUIET: 1} if part == TIMED else {} for part in parts}


def workers_here() -> int:
    """As many as cores and memory allow."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, psutil.virtual_memory().available // MEMORY))


@contextlib.contextmanager
def local(workers: int | None = None, device: str = "cpu") -> Iterator[Client]:
    """Workers on this machine: for gradings on GPUs one for each, with threads for what shares it.

    workers: how many gradings at once.
    """
    with _settings():
        count = workers or workers_here()
        if device == "cuda":
            made = _started(lambda: _with_gpus(gpus_here(), count))
        else:
            made = _started(lambda: LocalCluster(n_workers=count, **_workers()))
        with made as cluster, Client(cluster) as client:
            _keep_up(cluster)
            yield _prepared(client)


@contextlib.contextmanager
def existing(address: str) -> Iterator[Client]:
    """A cluster that is there, such as tcp://host:8786. Raises ClassroomError, and NoScheduler."""
    with _settings():
        try:
            client = Client(address, timeout=PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            raise NoScheduler(
                f"--cluster {address}: no scheduler answers there ({error})"
            ) from None
        except TypeError:  # that is how Dask says so
            raise ClassroomError(
                f"--cluster {address}: the keys for it are missing. Dask reads them from its"
                " configuration, distributed.comm.tls: docs/classroom.md"
            ) from None
        with client:
            yield _prepared(client)


@contextlib.contextmanager
def slurm(config: Path) -> Iterator[Client]:
    """Workers in jobs of Slurm's. config: a TOML file with the table [cluster], dask-jobqueue's
    SLURMCluster arguments, and [scale], those of its adapt(). Raises ClassroomError."""
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError:
        raise ClassroomError("--slurm needs dask-jobqueue: pip install '.[class]'") from None
    try:
        data = tomllib.loads(config.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClassroomError(f"--slurm {config}: {error}") from None
    if unknown := set(data) - {"cluster", "scale"}:
        raise ClassroomError(f"--slurm {config}: [{min(unknown)}] is not known: cluster, scale")
    with _settings():
        try:
            pages = {"scheduler_options": {"dashboard_address": ":0"}}  # any free port
            wanted = data.get("cluster", {})
            cluster = SLURMCluster(**pages | _shared_keys(wanted) | wanted)
        except (TypeError, ValueError) as error:
            raise ClassroomError(f"--slurm {config}: [cluster] {error}") from None
        with cluster, Client(cluster) as client:
            cluster.adapt(**{"minimum_jobs": 1, "maximum_jobs": 4} | data.get("scale", {}))
            yield _prepared(client)


def gpus_here() -> list[str]:
    """The GPUs that may be used, as CUDA_VISIBLE_DEVICES names them."""
    if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):
        return visible.split(",")
    return _ask_driver("index")


def sharing(gpus: int, count: int) -> int:
    """How many gradings may share a GPU, of `count` in all."""
    memory = min((int(one) << 20 for one in _ask_driver("memory.total")), default=0)
    return max(1, min(count // gpus, round(1 / SHARE), memory // GPU_MEMORY))


def _ask_driver(field: str) -> list[str]:
    """Of each GPU; memory in MiB."""
    command = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.split()


def _started(make: Callable[[], SpecCluster]) -> SpecCluster:
    """All workers must be there once; afterwards they may die. Raises ClassroomError."""
    for _ in range(STARTS):
        try:
            return make()
        except RuntimeError as error:  # one was killed before it was there
            why = error.__cause__ or error
    raise ClassroomError(
        f"the workers can't be started here ({why}). Is the memory enough? Give fewer --workers;"
        " what is graded is kept"
    )


def _keep_up(cluster: SpecCluster) -> None:
    """A nanny starts its worker again when it dies; but gives up on one that dies while it starts.
    Then that worker is made anew."""

    def look() -> None:
        for name, one in list(cluster.workers.items()):
            if one.status in (Status.failed, Status.closed):
                del cluster.workers[name]
        cluster.scale(len(cluster.worker_spec))  # makes those that are missing

    every = PeriodicCallback(look, 1000 * LOOK)
    cluster.periodic_callbacks["all workers are there"] = every  # which its end will stop
    cluster.loop.add_callback(every.start)


def _with_gpus(gpus: list[str], count: int) -> SpecCluster:
    if not gpus:
        raise ClassroomError("no GPU is here: nvidia-smi lists none (--device cpu)")
    threads = sharing(len(gpus), count)
    workers = {
        index: {
            "cls": Nanny,
            "options": {"nthreads": threads, "resources": {GPU: 1}, "memory_limit": 0,
                        "env": {"CUDA_VISIBLE_DEVICES": gpu}},
        }
        for index, gpu in enumerate(gpus)
    }  # fmt: skip
    security = _private()
    for one in workers.values():
        one["options"]["security"] = security
    options = {"dashboard_address": NOWHERE, "host": "127.0.0.1", "security": security}
    scheduler = {"cls": Scheduler, "options": options}
    return SpecCluster(workers=workers, scheduler=scheduler, security=security)


def _private() -> Security:
    """Who may give work to a scheduler can do what its user can. With keys of its own nobody else
    may: no other user of this machine, and no submission."""
    try:
        return Security.temporary()
    except ImportError:
        raise ClassroomError(
            "the package cryptography is missing: pip install '.[class]'"
        ) from None


def _shared_keys(wanted: dict) -> dict:
    """Arguments of SLURMCluster for TLS, unless the configuration says what to do: Dask's own
    keys where there are some, else new ones, which the jobs read in the user's home."""
    if {"protocol", "security"} & set(wanted):
        return {}
    if dask.config.get("distributed.comm.tls.ca-file", None):
        return {"security": Security()}
    folder = Path.home() / ".cache" / "mingpt-lab" / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {"security": _private(), "shared_temp_directory": str(folder)}


def _workers() -> dict:
    return {
        "threads_per_worker": 1,
        "memory_limit": 0,  # a grading is a process of its own
        "dashboard_address": NOWHERE,
        "host": "127.0.0.1",
        "security": _private(),
        "silence_logs": logging.CRITICAL,
    }


def _prepared(client: Client) -> Client:
    client.register_plugin(Quiet(client.scheduler_info()["id"].rpartition("-")[2]))
    return client


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    with dask.config.set(SETTINGS):
        for name in ("distributed", "distributed.client", "tornado.application"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        yield
