"""How many threads a job may use, so that the jobs of a sweep don't fight for cores. Imports nothing heavy."""

import os
from collections.abc import Mapping
from typing import Any


def cores() -> int:
    """Count the cores that this process may use: taskset, containers and SLURM narrow them."""
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else (os.cpu_count() or 1)


def at_once(launcher: Mapping[str, Any]) -> int:
    """Count the jobs of a sweep that a launcher runs at the same time on one machine.

    Args:
        launcher: Hydra's configuration of it.
    """
    jobs = launcher.get("n_jobs")  # joblib: -1 is one per core, -2 all but one ...
    if isinstance(jobs, int):
        return jobs if jobs > 0 else max(1, cores() + 1 + jobs)
    return 1


def share(launcher: Mapping[str, Any]) -> int:
    """Give a job of a sweep its threads: what its launcher reserves for it, else its part of the cores."""
    reserved = os.environ.get("SLURM_CPUS_PER_TASK")
    if reserved:
        return min(int(reserved), cores())
    if isinstance(launcher.get("cpus_per_task"), int):  # submitit_local reserves nothing: all start at once
        return min(int(launcher["cpus_per_task"]), cores())
    remote = (launcher.get("ray") or {}).get("remote") or {}
    if remote.get("num_cpus"):
        return max(1, int(remote["num_cpus"]))
    return max(1, cores() // at_once(launcher))
