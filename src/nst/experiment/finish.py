"""The end of an image job: the picture with its recipe, its figures, its row in the loggers."""

import logging
from math import nan
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.loggers import Logger

from nst.cli import command
from nst.data import image_io
from nst.experiment import loggers, provenance
from nst.experiment.levels import Painted
from nst.experiment.record import Record, peak_memory
from nst.experiment.scene import Scene
from nst.metrics.judge import Judge
from nst.objective import Target
from nst.sweep import worker

log = logging.getLogger("nst")


def written_recipe(plain: dict[str, Any], scene: Scene, painted: Painted) -> provenance.Recipe:
    """Give the recipe of what was painted."""
    return provenance.Recipe(
        config=plain | {"recipe": None, "resume": None},
        choices={group: str(word) for group, word in HydraConfig.get().runtime.choices.items()},
        sources=provenance.digests(scene.sources),
        versions=provenance.versions(),
        threads=torch.get_num_threads(),
        device=painted.device,
        command=command(worker.overrides()),
        pixels=provenance.pixels_sha256(scene.folder / painted.levels[-1]["picture"]),
    )


def compare(made_by: provenance.Recipe | None, written: provenance.Recipe, record: Record) -> None:
    """Say whether the picture is the one of the recipe that it was made by."""
    if made_by is None:
        return
    for line in provenance.differences(made_by, written):
        record.warn(line)
    if made_by.pixels == written.pixels:
        log.info("every pixel is the recipe's")


def figures(scene: Scene, painted: Painted, judge: Judge | None, record: Record) -> dict[str, Any]:
    """Measure `final.png`, write `metrics.json`, and return its `loss`, `terms` and what the judge `judged`."""
    final = image_io.load(scene.folder / "final.png").rgb
    shares = painted.module.evaluate(final)
    loss = float(scene.objective.total(shares))
    aims = [Target(style.image, style.weight, style.mask, style.name) for style in scene.pictures.styles]
    judged = judge.figures(final, scene.pictures.original.rgb, aims) if judge else {}
    terms = {name: float(sum(stats.values())) for name, stats in shares.items()}
    record.metrics(
        loss=loss,
        terms=terms,
        weights={name: term.weight for name, term in scene.objective.named()},
        layers=shares,
        size=list(image_io.size_of(painted.module.image())),
        levels=painted.levels,
        sources=scene.sources,
        judge=judged | ({"network": judge.name, "note": judge.note} if judge else {}),
        threads=torch.get_num_threads(),
        device=painted.device,
    )
    return {"loss": loss, "terms": terms, "judged": judged}


def tell(logs: list[Logger], found: dict[str, Any], record: Record) -> None:
    """Fill the run's row in HParams with what `figures` found, and close the loggers."""
    metrics = {
        "final/loss": found["loss"],
        **{f"final/{name}": value for name, value in found["terms"].items()},
        **{f"judge/{name}": nan if value is None else value for name, value in found["judged"].items()},
        "final/seconds": record.seconds(),
        "final/peak_memory_gb": peak_memory() / 1e9,
    }
    loggers.finish(logs, metrics)
