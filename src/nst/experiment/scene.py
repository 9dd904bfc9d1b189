"""What an image job starts from: pictures found and read, losses and method built, where the run was."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from nst.callbacks import state
from nst.callbacks.checkpoint import NAME
from nst.callbacks.state import State
from nst.config import instantiate
from nst.data import image_io, inputs
from nst.data.color import Color
from nst.data.inputs import Inputs
from nst.data.library import ImageFile, ImageSource, find
from nst.experiment.record import Record
from nst.methods import ImageMethod
from nst.objective import Objective
from nst.sweep.worker import STALE
from nst.utils.devices import device_type

log = logging.getLogger("nst")


@dataclass(frozen=True)
class Scene:
    """Everything that an image job is made of, before its first step.

    Attributes:
        folder: The run's own.
        pictures: As they were read.
        color: What happens to colours.
        output: How the result becomes 8-bit.
        objective: Gives the losses.
        method: Gives the levels.
        sources: Where everything came from, as in `metrics.json`.
        state: Where the run was; level 0 for one that begins.
        facts: What a checkpoint says besides the state.
        leads: Whether this process leaves files: of several that paint one picture, the first.
    """

    folder: Path
    pictures: Inputs
    color: Color
    output: str
    objective: Objective
    method: ImageMethod
    sources: dict[str, Any]
    state: State
    facts: dict[str, Any]
    leads: bool

    def save(self, image: torch.Tensor, name: str, text: dict[str, str] | None = None) -> Path:
        """Write a picture of the run with the colours and the opacity that it is to have; return its path."""
        path = self.folder / name
        if not self.leads:
            return path
        original = self.pictures.original
        picture = self.color.after(image_io.to_range(image.detach().cpu(), self.output), original.rgb)
        image_io.save(picture, path, alpha=original.alpha, text=text)
        return path


def gather(cfg: DictConfig, plain: dict[str, Any], record: Record) -> Scene:
    """Find and read everything, and say what is not as it was asked for."""
    download = instantiate.build(cfg.download)
    asked = [ImageSource(**plain["content"], name=instantiate.choice("content")), *instantiate.styles(plain["style"])]
    found = [find(picture, download) for picture in asked]
    color = instantiate.build(cfg.color)
    loaded = inputs.load(asked, [place.path for place in found], color=color, max_megapixels=cfg.max_megapixels)
    objective = instantiate.objective(cfg)
    method = instantiate.method(cfg, objective=objective)
    sources = {
        "content": _source(asked[0], found[0]),
        "styles": [_source(picture, place) for picture, place in zip(asked[1:], found[1:], strict=True)],
        "checkpoint": objective.backbone.source,
    }
    before = state.read(record.folder) if plain["resume"] else State(record.folder / NAME)
    if before.level and plain["threads"] is None:
        torch.set_num_threads(before.facts["threads"])
    facts = state.facts(plain, sources, threads=torch.get_num_threads(), device=device_type(cfg.trainer.accelerator))
    before, lost = _usable(before, facts) if record.leads else (before, [])
    remarks = [*loaded.remarks, *method.remarks(loaded.styles), *lost, *state.differences(before, facts)]
    for warning in (*(place.warning for place in found), objective.backbone.source["warning"], *remarks):
        if warning is not None:
            record.warn(warning)
    record.began -= before.facts["seconds"]
    return Scene(record.folder, loaded, color, cfg.output, objective, method, sources, before, facts, record.leads)


def _usable(before: State, facts: dict[str, Any]) -> tuple[State, list[str]]:
    """The state to go on from; in a sweep, whose jobs must go on, a new begin with a warning instead of an error."""
    try:
        state.refuse_others(before, facts)
    except ValueError as error:
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            raise
        before, lost = State(before.path), [f"begins anew: {error}"]
    else:
        lost = []
    if not before.level:
        for pattern in STALE:
            for file in before.path.parent.glob(pattern):
                file.unlink()
    return before, lost


def _source(picture: ImageSource, found: ImageFile) -> dict[str, Any]:
    return {
        "name": picture.name,
        "origin": found.origin,
        "path": found.path,
        "sha256": found.sha256,
        "warning": found.warning,
    }
