"""The loggers of a run, and its row in HParams."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from omegaconf import DictConfig, OmegaConf

from nst.config.instantiate import build, choice
from nst.experiment import hparams, rewind
from nst.metrics.judge import FIGURES
from nst.sweep import launch


def loggers(cfg: DictConfig, folder: Path, *, since: float, step: float) -> list[Logger]:
    """Build the loggers, each with the run's folder as its own.

    Args:
        cfg: The configuration.
        folder: The run's.
        since: When the state was saved from which the run goes on, Unix time; 0 for a run that begins. What was logged
            after it is taken out: those steps are taken again.
        step: The last one before it.
    """
    rows = rewind.rows(folder, step)
    begun = rewind.events(folder, since)
    out = []
    for node in cfg.logger.values():
        logger = build(node, save_dir=str(folder.parent), name="", version=folder.name)
        if isinstance(logger, CSVLogger):
            rewind.refill(logger, rows)
        if isinstance(logger, TensorBoardLogger) and not begun:
            swept = varied(cfg, launch.read(folder.parent).get("swept", []))
            hparams.log(logger, choices(cfg) | swept, final_metrics(cfg), swept=swept)
        out.append(logger)
    return out


def final_metrics(cfg: DictConfig) -> list[str]:
    """Name the final metrics: the same for every run of a configuration."""
    judged = [f"judge/{name}" for name in FIGURES] if cfg.judge else []
    return ["final/loss", *(f"final/{name}" for name in cfg.loss), *judged, "final/seconds", "final/peak_memory_gb"]


def choices(cfg: DictConfig) -> dict[str, Any]:
    """Give the fixed set of choices that HParams compares: the same keys for every run."""
    names = (
        "backbone",
        "color",
        "content",
        "init",
        "layers",
        "loss",
        "method",
        "optimizer",
        "pyramid",
        "scheduler",
        "style",
    )
    numbers = {"lr": cfg.optimizer.lr, "seed": cfg.seed, "size": cfg.size, "steps": cfg.steps}
    weights = {f"weight_{name}": float(cfg.weights.get(name, 0)) for name in ("content", "style", "tv")}
    return {group: choice(group) for group in names} | numbers | weights


def varied(cfg: DictConfig, swept: Sequence[str]) -> dict[str, Any]:
    """Give what a sweep varies, under the names of `choices` where they have it."""
    own = {"optimizer.lr": "lr"} | {f"weights.{name}": f"weight_{name}" for name in ("content", "style", "tv")}
    values = {key: choice(key) if key in HydraConfig.get().runtime.choices else _cell(cfg, key) for key in swept}
    return {own.get(key, key): value for key, value in values.items()}


def _cell(cfg: DictConfig, key: str) -> int | float | str:
    """Give an option's value, as text where it is none of a table's cells."""
    value = OmegaConf.select(cfg, key)
    return value if isinstance(value, int | float | str) else str(value)
