"""What submitit lacks on SLURM: a job that is lost is a bad job, not the end, also where nothing is accounted.

submitit asks `sacct` what became of a job. Without accounting that knows nothing, and the launcher would wait for
a cancelled job for ever; `scontrol` knows. And a job that died makes the launcher give up those that still run.
"""

import re
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from submitit.core.utils import UncompletedJobError
from submitit.local.local import LocalJob
from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob

from nst.experiment.status import FAILED

DELAY = 30  # seconds from question to question at most; SLURM forgets a job after its MinJobAge, 300 by default


class Controller(SlurmInfoWatcher):
    """What the controller knows of the jobs, where there is no accounting."""

    def _make_command(self) -> list[str] | None:
        return ["scontrol", "show", "job", "-o"] if self._registered - self._finished else None

    def read_info(self, string: bytes | str) -> dict[str, dict[str, str]]:
        """Return job -> its state; one that was forgotten is over."""
        text = string if isinstance(string, str) else string.decode()
        known = {}
        for line in text.splitlines():
            fields = dict(re.findall(r"(\S+?)=(\S*)", line))
            task = f"{fields.get('ArrayJobId')}_{fields.get('ArrayTaskId')}"
            job = task if "ArrayTaskId" in fields else fields.get("JobId", "")
            known[job] = {
                "JobID": job,
                "State": fields.get("JobState", "UNKNOWN"),
                "NodeList": fields.get("NodeList", ""),
            }
        waiting = {job for key in known if "[" in key or "-" in key for job in self._registered if _of(key, job)}
        gone = {job: {"JobID": job, "State": "FORGOTTEN"} for job in self._registered - set(known) - waiting}
        return gone | known


def _of(key: str, job: str) -> bool:
    """Whether a job belongs to an array whose tasks still wait: `12_[3-5]` and `12_4`."""
    return key.partition("_")[0] == job.partition("_")[0]


def keep_going(objectives: int | None) -> None:
    """Make submitit give infinity for a job that is lost.

    Args:
        objectives: Length of the list to give; None for a number.
    """
    lost: float | Sequence[float] = FAILED if objectives is None else [FAILED] * objectives

    if not accounted():
        SlurmJob.watcher = Controller(delay_s=DELAY)
    for kind in (SlurmJob, LocalJob):  # submitit has no place to give a class of one's own for the tasks of an array
        kind.results = _forgiving(kind.results, lost)  # type: ignore[method-assign, assignment]


def _forgiving(results: Callable[[Any], list[Any]], lost: Any) -> Callable[[Any], list[Any]]:
    def ask(job: Any) -> list[Any]:
        try:
            return results(job)
        except UncompletedJobError:
            return [JobReturn(_return_value=lost, status=JobStatus.COMPLETED)]

    return ask


def accounted() -> bool:
    """Tell whether SLURM keeps accounts, which `sacct` reads; True where there is no SLURM."""
    try:
        shown = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return True
    return re.search(r"AccountingStorageType\s*=\s*accounting_storage/none", shown.stdout) is None
