"""Turn a photograph into a painting: `python train.py style=starry_night backbone=squeezenet content.path=me.jpg`."""

import sys

import hydra
from omegaconf import DictConfig

from nst.cli import launch


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | list[float]:
    """Run one job; what it returns is what a sweeper minimises."""
    from nst.sweep.worker import run  # torch is imported when a job runs: help, errors, completion answer at once

    return run(cfg)


if __name__ == "__main__":
    sys.exit(launch(main))
