"""A network's job: find pictures, train, and leave `network.ckpt`, `last.ckpt` and the figures."""

import logging
import warnings
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from nst.callbacks import Keep, Preview, Progress
from nst.callbacks.stop_on_signal import StopOnSignal
from nst.config import instantiate
from nst.data import image_io, photographs
from nst.data.inputs import StylePicture
from nst.data.library import ImageFile, ImageSource, find
from nst.experiment import loggers, provenance
from nst.experiment.record import Record, peak_memory
from nst.experiment.training_options import TrainingOptions
from nst.methods import NetworkMethod, NetworkModule
from nst.metrics.judge import objective as chosen
from nst.networks import io
from nst.sweep import worker

log = logging.getLogger("nst")
SAME = ("method", "backbone", "layers", "loss", "weights", "optimizer", "scheduler", "data", "style", "seed", "steps")
"""Choices that a resumed training must share with the one it goes on with, or it ends elsewhere."""


@dataclass(frozen=True)
class Before:
    """What a training goes on from.

    Attributes:
        path: A checkpoint.
        method: Of its network.
        styles: Names of the styles that it knows.
        config: Its choices.
        batches: That were taken; None: the file holds a trained network and no training.
    """

    path: Path
    method: str
    styles: list[str]
    config: dict[str, Any]
    batches: int | None


def learn(
    cfg: DictConfig, plain: dict[str, Any], record: Record, stop: StopOnSignal, made_by: provenance.Recipe | None
) -> worker.Outcome:
    """Train a network and return what `objective=` names: the last loss, or the seconds.

    Args:
        cfg: The configuration, checked.
        plain: The same as a plain dictionary, resolved.
        record: Of the run's folder.
        stop: Ends the job at a signal.
        made_by: Always None: a recipe makes a picture.
    """
    warnings.filterwarnings("ignore", message=r".*Checkpoint directory .* exists and is not empty.*")
    teaching: TrainingOptions = instantiate.build(cfg.learn)
    found_photographs = _photographs(cfg, record)
    pictures = instantiate.styles(plain["style"])
    found = [find(picture, instantiate.build(cfg.download)) for picture in pictures]
    base, own = _before(plain["base"]), _own(record.folder, plain["resume"])
    adding = base is not None and instantiate.partial(cfg.method).func.accepts_new_styles and _new(pictures, base)
    known = base.styles if base is not None and adding else []
    method = _method(cfg, teaching, _shown(cfg, pictures, found, known), base if adding else None)
    for warning in (*(place.warning for place in found), method.objective.backbone.source["warning"]):
        if warning is not None:
            record.warn(warning)
    about = io.describe(method.network, method.name, method.style_names, plain)
    going_on = own or (None if adding else base)
    if going_on:
        _same(going_on, plain, method, record)
    named = [place.path for place in found]
    styles = teaching.style_cuts(named, found_photographs.styles, cfg.seed) if method.needs_style_pictures else None
    first = (going_on.batches or 0) if going_on else 0
    loader = teaching.loader(teaching.contents(found_photographs, cfg.seed), styles, first=first)
    stage = next(method.stages(loader, about=about))
    content = _content(cfg, plain, teaching.preview_size)
    logs = loggers.loggers(cfg, record.folder, **_since(own, plain["trainer"]["accumulate_grad_batches"]))
    callbacks = [
        stop,
        Preview(content, every=teaching.preview_every),
        teaching.stop,
        *([Progress(stage.name)] if worker.has_terminal() else []),
        Keep(str(record.folder), every=teaching.checkpoint_every),
    ]
    trainer = instantiate.trainer(cfg, record.folder, logs, callbacks, stage.steps)
    try:
        trainer.fit(stage.module, stage.data, ckpt_path=str(going_on.path) if going_on else None, weights_only=True)
    finally:
        if trainer.global_step:
            _save(record, stage.module, content)
    terms = {name: float(value) for name, value in stage.module.last_losses.items()}
    loss = terms.pop("loss", nan)
    record.metrics(
        loss=loss,
        terms=terms,
        steps=trainer.global_step,
        pictures=len(found_photographs.paths),
        skipped={str(path): reason for path, reason in found_photographs.skipped.items()},
        styles=method.style_names,
        parameters=sum(parameter.numel() for parameter in method.network.parameters()),
        sources={"styles": [vars(place) for place in found], "checkpoint": method.objective.backbone.source},
        resumed=None if going_on is None else str(going_on.path),
        threads=torch.get_num_threads(),
        device=trainer.strategy.root_device.type,
    )
    finals = {"loss": loss, **terms, "seconds": record.seconds(), "peak_memory_gb": peak_memory() / 1e9}
    loggers.finish(logs, {f"final/{name}": value for name, value in finals.items()})
    log.info("network: %s", record.folder / "network.ckpt")
    return chosen(cfg.objective, {"loss": loss, "seconds": record.seconds()})


def _photographs(cfg: DictConfig, record: Record) -> photographs.TrainingImages:
    if not cfg.data:
        raise ValueError("a network learns from photographs: give data=samples, or data=folder data.path=FOLDER")
    found: photographs.TrainingImages = instantiate.build(cfg.data)
    for pictures in (found, found.styles):
        if pictures and (warning := pictures.warning()) is not None:
            record.warn(warning)
    return found


def _own(folder: Path, resume: str | None) -> Before | None:
    """Read what the training in this folder had reached where it is the one that goes on."""
    return _before(str(folder)) if resume is not None and (folder / "last.ckpt").is_file() else None


def _since(own: Before | None, batches: int) -> dict[str, float]:
    """Say when the state was saved from which a training in this folder goes on, and after which step."""
    if own is None:
        return {"since": 0.0, "step": 0.0}
    return {"since": own.path.stat().st_mtime, "step": (own.batches or 0) / batches - 1}  # Lightning counts from 0


def _before(base: str | None) -> Before | None:
    """Read what `base=` names: a run's folder, or one of its checkpoints."""
    if base is None:
        return None
    path = Path(base).expanduser()
    if path.is_dir():
        inside = [path / name for name in ("last.ckpt", "network.ckpt") if (path / name).is_file()]
        if not inside:
            raise ValueError(f"base={base} holds no last.ckpt; give the folder of a run that trained a network")
        path = inside[0]
    saved = io.read(path)
    about = saved["nst"]
    return Before(path, str(about["method"]), list(about["styles"]), dict(about["config"]), about.get("batches"))


def _new(pictures: list[ImageSource], before: Before) -> bool:
    return any(picture.name not in before.styles for picture in pictures)


def _same(before: Before, plain: dict[str, Any], method: NetworkMethod, record: Record) -> None:
    if before.batches is None:
        raise ValueError(f"base={before.path} is a trained network and holds no training; give its run's last.ckpt")
    styles = method.style_names
    if before.method != method.name:
        raise ValueError(f"base={before.path} is of method={before.method}, not {method.name}; type the same method")
    if before.styles != styles:
        raise ValueError(
            f"base={before.path} learned {', '.join(before.styles)}, not {', '.join(styles)}; only method=multistyle "
            f"takes new styles"
        )
    other = [key for key in (*SAME, "learn") if before.config.get(key) != plain.get(key)]
    if other:
        record.warn(f"the training that is resumed had other choices for {', '.join(other)}: it goes on with these")


def _shown(
    cfg: DictConfig, pictures: list[ImageSource], found: list[ImageFile], known: list[str]
) -> list[StylePicture]:
    """Read the styles that are to be learned: all but those that a network knows."""
    return [
        StylePicture(picture.name, image_io.load(place.path, max_megapixels=cfg.max_megapixels).rgb, 1.0, picture.scale)
        for picture, place in zip(pictures, found, strict=True)
        if picture.name not in known
    ]


def _method(
    cfg: DictConfig, teaching: TrainingOptions, styles: list[StylePicture], before: Before | None
) -> NetworkMethod:
    more: dict[str, Any] = {}
    if before is not None:
        if before.method == "adain":
            raise ValueError(f"resume={before.path} is of method=adain, which takes any style without a training")
        trained = io.load(before.path)
        more["before"] = (trained.network, trained.styles)
    objective = instantiate.objective(cfg)
    gains = teaching.gain(list(cfg.loss))
    for name, term in objective.named():
        term.weight *= gains.get(name, 1.0)
    method: NetworkMethod = instantiate.build(
        cfg.method,
        objective=objective,
        styles=styles,
        optimizer=instantiate.partial(cfg.optimizer),
        scheduler=instantiate.partial(cfg.scheduler),
        steps=cfg.steps,
        **more,
    )
    return method


def _content(cfg: DictConfig, plain: dict[str, Any], edge: int) -> Tensor:
    """The fixed photograph of the previews, edges multiples of 4."""
    place = find(ImageSource(**plain["content"], name=instantiate.choice("content")), instantiate.build(cfg.download))
    image = image_io.load(place.path, max_megapixels=cfg.max_megapixels).rgb
    height, width = image_io.fit(image_io.size_of(image), edge, by="longest")
    return image_io.resize(image, (max(8, height - height % 4), max(8, width - width % 4)))


@torch.no_grad()
def _save(record: Record, module: NetworkModule, content: Tensor) -> None:
    """Leave the network as it is now, and what it makes of the photograph, styles side by side."""
    module.cpu()
    io.save(
        record.folder / "network.ckpt",
        module.network.state_dict(),
        {**module.about, "keeps": module.method.statistics()},
    )
    pictures = [picture.float() for picture in module.method.preview(content).values()]
    image_io.save(torch.cat(pictures, dim=3), record.folder / "final.png")
