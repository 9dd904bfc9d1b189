"""Which of several processes this one is, as their launcher tells it. Imports nothing heavy."""

import os
from collections.abc import Mapping

NUMBERS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")
"""Where torchrun, SLURM and Lightning tell a process its number."""
FOLDER = ("hydra.run.dir=", "hydra.job.name=", "hydra.output_subdir=", "hydra/job_logging=")
"""Options that say where a process leaves its files."""


def rank(environment: Mapping[str, str] = os.environ) -> int:
    """Return this process's number among those that share a picture; 0 where nobody says."""
    return next((int(environment[name]) for name in NUMBERS if environment.get(name, "").isdigit()), 0)


def follows(arguments: list[str], environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a command line is that of a process that helps another one paint, and leaves no files."""
    shared = any(word.startswith(("trainer=ddp", "trainer.strategy=", "+trainer.strategy=")) for word in arguments)
    return shared and rank(environment) > 0


def without_files(arguments: list[str]) -> list[str]:
    """Return a command line under which Hydra itself leaves no folder and no log."""
    kept = [word for word in arguments if not word.startswith(FOLDER)]
    return [*kept, "hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=stdout"]


def launched_by_lightning(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether Lightning started this process, and watches it, rather than torchrun or SLURM."""
    return rank(environment) > 0 and not any(environment.get(name) for name in ("RANK", "SLURM_PROCID"))
