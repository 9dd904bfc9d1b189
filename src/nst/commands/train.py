"""`nst [group=option ...] [key=value ...]`: one run, or with `-m` a sweep, as Hydra composes it."""

import hydra
from omegaconf import DictConfig

from nst.cli import launch
from nst.config.search_path import OWN


@hydra.main(version_base="1.3", config_path=str(OWN), config_name="train")
def train(cfg: DictConfig) -> float | list[float]:
    """Run one job; what it returns is what a sweeper minimises."""
    from nst.sweeps.worker import run  # torch is imported when a job runs: help, errors, completion answer at once

    return run(cfg)


def main() -> int:
    """Run what was typed and return the exit code."""
    return launch(train)
