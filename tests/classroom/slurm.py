"""A Slurm that is a stub: sbatch, scancel and squeue, which start, end and list local processes.

dask-jobqueue itself is real: it writes the job's script and calls these.
"""

import contextlib
import os
import signal
import stat
from pathlib import Path

COMMANDS = {
    # A script is gone as soon as sbatch has returned: each job has its copy.
    "sbatch": """
cp "$1" "{here}/$$.sh"
setsid sh "{here}/$$.sh" >/dev/null 2>&1 </dev/null &
until kill -s 0 -- "-$!" 2>/dev/null || ! kill -0 $! 2>/dev/null; do sleep 0.01; done
echo $! >> "{here}/jobs"
echo "Submitted batch job $!"
""",
    "scancel": 'for job; do kill -s TERM -- "-$job" 2>/dev/null; done\ntrue\n',
    "squeue": """
echo JOBID
[ ! -f "{here}/jobs" ] || while read -r job; do
  if kill -s 0 -- "-$job" 2>/dev/null; then echo "$job"; fi
done < "{here}/jobs"
""",
}


class Slurm:
    """The commands, in a folder `bin` that belongs on the PATH."""

    def __init__(self, here: Path):
        self.here, self.bin = here, here / "bin"
        self.bin.mkdir(parents=True)
        for name, text in COMMANDS.items():
            path = self.bin / name
            path.write_text(f"#!/bin/sh\n{text.format(here=here)}")
            path.chmod(stat.S_IRWXU)

    @property
    def jobs(self) -> list[int]:
        """The numbers of all that were started."""
        path = self.here / "jobs"
        return [int(job) for job in path.read_text().split()] if path.exists() else []

    @property
    def scripts(self) -> list[str]:
        return [path.read_text() for path in self.here.glob("*.sh")]

    def end(self) -> None:
        """Whatever is left: a job may begin while the last one ends."""
        for job in self.jobs:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(job, signal.SIGKILL)
