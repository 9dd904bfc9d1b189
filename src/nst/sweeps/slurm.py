"""SLURM for sweeps: a job that is lost counts as failed and the others go on, also on clusters without accounting.

submitit's own executor differs in two ways. One lost job (cancelled, out of memory, its node gone) makes the launcher
give up those that still run. And it asks `sacct` what became of a job, which without accounting knows nothing, so the
launcher waits for a cancelled job for ever. To use it all the same:
`hydra.launcher._target_=hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher`.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from submitit.core.core import Job
from submitit.core.utils import DelayedSubmission, UncompletedJobError
from submitit.slurm.slurm import SlurmExecutor, SlurmInfoWatcher, SlurmJob

from nst.experiment import status

DELAY = 30  # seconds between two questions at most; SLURM forgets a job after MinJobAge, 300 s by default


class NstSlurmExecutor(SlurmExecutor):
    """submitit's executor, with jobs of the classes below; submitit finds it by its entry point, as `nstslurm`."""

    def _internal_process_submissions(self, delayed_submissions: list[DelayedSubmission]) -> list[Job[Any]]:
        """Return one job for each submission; submitit has no other place to choose the class of an array's jobs."""
        kind = SweepJob if has_accounting() else UnaccountedJob
        jobs = super()._internal_process_submissions(delayed_submissions)
        return [kind(self.folder, job.job_id, range(job.num_tasks)) for job in jobs]


class SweepJob(SlurmJob[Any]):
    """A job of a sweep, which fails instead of raising an error if it is lost."""

    def results(self) -> list[Any]:
        """Wait for the job and return its JobReturn; if it is lost, infinity for each figure that is minimised."""
        try:
            return super().results()
        except UncompletedJobError:
            submission: Any = self.submission()
            config, number = submission.function.config, submission.args[2]
            folder = Path(config.hydra.sweep.dir) / str(number)
            if not status.read(folder):
                folder.mkdir(parents=True, exist_ok=True)
                status.write(folder, "failed", "lost before it started: cancelled, or SLURM could not run it")
            value = status.outcome(config.minimize, {})
            return [JobReturn(_return_value=value, status=JobStatus.COMPLETED)]


class Controller(SlurmInfoWatcher):
    """The state of jobs from SLURM's controller instead of its accounting."""

    def _make_command(self) -> list[str] | None:
        return ["scontrol", "show", "job", "-o"] if self._registered - self._finished else None

    def read_info(self, string: bytes | str) -> dict[str, dict[str, str]]:
        """Return job -> its state, from scontrol's output; a job that the controller has forgotten is over."""
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
        # pending tasks of an array are one line, `12_[3-5]`
        pending = {key.partition("_")[0] for key in known if "[" in key or "-" in key}
        gone = {
            job: {"JobID": job, "State": "FORGOTTEN"}
            for job in self._registered - set(known)
            if job.partition("_")[0] not in pending
        }
        return gone | known


class UnaccountedJob(SweepJob):
    """A job on a cluster without accounting."""

    watcher = Controller(delay_s=DELAY)


def has_accounting() -> bool:
    """Return whether SLURM keeps the accounts that `sacct` reads; True where there is no SLURM."""
    try:
        shown = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return True
    return re.search(r"AccountingStorageType\s*=\s*accounting_storage/none", shown.stdout) is None
