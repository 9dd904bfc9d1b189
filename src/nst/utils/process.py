"""This process's rank and its threads. Imports nothing heavy."""

import os
import sys
from collections.abc import Mapping
from typing import Any

RANK_VARIABLES = ("RANK", "LOCAL_RANK", "SLURM_PROCID")
"""Where torchrun, Lightning and SLURM give a process its rank. A shell that SLURM opened gives its own to all in it."""
OUTPUT_OPTIONS = ("hydra.run.dir=", "hydra.job.name=", "hydra.output_subdir=", "hydra/job_logging=")
"""Options that say where Hydra writes its files."""
HELPER = "hydra.job.name=train_ddp_process_"
"""What Lightning adds to the command line of a process that it starts."""
SEVERAL = ("trainer=ddp", "trainer.strategy=", "+trainer.strategy=", HELPER)
"""Options that ask for several processes."""


def rank(environment: Mapping[str, str] = os.environ) -> int:
    """Return this process's rank among those that work on one picture; 0 if no launcher set one."""
    return next((int(environment[name]) for name in RANK_VARIABLES if environment.get(name, "").isdigit()), 0)


def has_nonzero_rank(arguments: list[str], environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a command line asks for several processes and this is not the first, which writes the files."""
    several = any(word.startswith(SEVERAL) for word in arguments)
    return several and rank(environment) > 0


def without_output(arguments: list[str]) -> list[str]:
    """Return a command line with which Hydra makes no folder and writes no log file."""
    kept = [word for word in arguments if word.startswith(HELPER) or not word.startswith(OUTPUT_OPTIONS)]
    return [*kept, "hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=stdout"]


def launched_by_lightning(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether Lightning started this process and watches it, rather than torchrun or SLURM."""
    return rank(environment) > 0 and "RANK" not in environment and "LOCAL_RANK" in environment


def start_method() -> str:
    """Return how a process for one job is started: where torch may be loaded before a fork, that saves seconds.

    Apple's frameworks do not survive a fork, and Windows has none.
    """
    return "forkserver" if sys.platform == "linux" else "spawn"


def cores() -> int:
    """Return how many cores this process may use; taskset, containers and SLURM can limit them."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else (os.cpu_count() or 1)


def jobs_at_once(launcher: Mapping[str, Any]) -> int:
    """Return how many jobs of a sweep run at the same time on one machine.

    Args:
        launcher: Hydra's configuration of the launcher.
    """
    jobs = launcher.get("n_jobs")  # joblib: -1 is one for each core, -2 one fewer ...
    if isinstance(jobs, int):
        return jobs if jobs > 0 else max(1, cores() + 1 + jobs)
    return 1


def threads_per_job(launcher: Mapping[str, Any]) -> int:
    """Return the threads of one job of a sweep: the cores that its launcher reserves, else an equal part of all.

    Args:
        launcher: Hydra's configuration of the launcher.
    """
    reserved = os.environ.get("SLURM_CPUS_PER_TASK")
    if reserved:
        return min(int(reserved), cores())
    if isinstance(launcher.get("cpus_per_task"), int):  # submitit_local starts all jobs at once and reserves nothing
        return min(int(launcher["cpus_per_task"]), cores())
    remote = (launcher.get("ray") or {}).get("remote") or {}
    if remote.get("num_cpus"):
        return max(1, int(remote["num_cpus"]))
    return max(1, cores() // jobs_at_once(launcher))
