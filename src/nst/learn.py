"""A network's job: find pictures, train, and leave `network.ckpt`, `last.ckpt` and the figures."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig
from torch import Tensor
from torch.utils.data import DataLoader

from nst import build, data, images, jobs, logs, recipe
from nst.callbacks import Checkpoint, Preview, Progress, StopEarly
from nst.judge import objective as chosen
from nst.library import Found, Picture, find
from nst.methods import StylePicture, Task, Training
from nst.networks import store
from nst.pyramid import fit
from nst.record import Record, peak_memory
from nst.signals import StopOnSignal

log = logging.getLogger("nst")
SAME = ("method", "backbone", "layers", "loss", "weights", "optimizer", "scheduler", "data", "style", "seed", "steps")
"""Choices that a resumed training must share with the one it goes on with, or it ends elsewhere."""


@dataclass(frozen=True)
class Before:
    """What a training goes on from.

    Attributes:
        path: A checkpoint.
        styles: Names of the styles that it knows.
        config: Its choices.
        batches: That were taken; None: the file holds a trained network and no training.
    """

    path: Path
    styles: list[str]
    config: dict[str, Any]
    batches: int | None


def learn(
    cfg: DictConfig, plain: dict[str, Any], record: Record, stop: StopOnSignal, made_by: recipe.Recipe | None
) -> jobs.Outcome:
    """Train a network and return what `objective=` names: the last loss, or the seconds.

    Args:
        cfg: The configuration, checked.
        plain: The same as a plain dictionary, resolved.
        record: Of the run's folder.
        stop: Ends the job at a signal.
        made_by: Always None: a recipe makes a picture.
    """
    options = plain["learn"]
    photographs = _photographs(cfg, record)
    pictures = build.styles(plain["style"])
    found = [find(picture, build.build(cfg.download)) for picture in pictures]
    before = _before(plain["resume"])
    adding = before is not None and plain["method"]["_target_"].endswith("Multistyle") and _new(pictures, before)
    shown = [
        StylePicture(picture.name, images.load(place.path, max_megapixels=cfg.max_megapixels).rgb, 1.0, picture.scale)
        for picture, place in zip(pictures, found, strict=True)
        if not adding or picture.name not in before.styles  # type: ignore[union-attr]
    ]
    task = _task(cfg, shown, before if adding else None)
    for warning in (*(place.warning for place in found), task.objective.backbone.source["warning"]):
        _warn(record, warning)
    about = store.describe(task.network, task.name, task.names, plain)
    going_on = before if before is not None and not adding else None
    if going_on:
        _same(going_on, plain, about["styles"], record)
    module = Training(
        task,
        optimizer=build.partial(cfg.optimizer),
        scheduler=build.partial(cfg.scheduler),
        steps=cfg.steps,
        about=about,
    )
    lessons = data.Lessons(_crops(plain, photographs), _style_crops(plain, found, record, task))
    first = (going_on.batches or 0) if going_on else 0
    loader = DataLoader(
        lessons,
        batch_size=options["batch"],
        sampler=data.Order(options["batch"], first),
        num_workers=options["workers"],
        persistent_workers=options["workers"] > 0,
    )
    content = _content(cfg, plain)
    loggers = logs.loggers(cfg, record.folder)
    callbacks = [
        stop,
        Preview(content, every=options["preview_every"]),
        StopEarly(**options["stop"]),
        *([Progress(f"{task.name}, {', '.join(task.names)}")] if jobs.has_terminal() else []),
        Checkpoint(str(record.folder), every=options["checkpoint_every"]),
    ]
    trainer = build.trainer(cfg, record.folder, loggers, callbacks, cfg.steps)
    try:
        trainer.fit(module, loader, ckpt_path=str(going_on.path) if going_on else None, weights_only=True)
    finally:
        if module.last:
            _save(record, module, content)
    seconds = record.seconds()
    loss = module.last.get("loss", float("nan"))
    record.metrics(
        loss=loss,
        terms={name: value for name, value in module.last.items() if name != "loss"},
        steps=trainer.global_step,
        pictures=len(photographs.paths),
        skipped={str(path): reason for path, reason in photographs.skipped.items()},
        styles=task.names,
        parameters=sum(parameter.numel() for parameter in task.network.parameters()),
        sources={"styles": [vars(place) for place in found], "checkpoint": task.objective.backbone.source},
        resumed=None if before is None else str(before.path),
        threads=torch.get_num_threads(),
        device=trainer.strategy.root_device.type,
    )
    finals = {"final/loss": loss, "final/seconds": seconds, "final/peak_memory_gb": peak_memory() / 1e9}
    finals |= {f"final/{name}": value for name, value in module.last.items() if name != "loss"}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_metrics(finals, step=trainer.global_step)
        logger.finalize("success")
    log.info("network: %s", record.folder / "network.ckpt")
    return chosen(cfg.objective, {"loss": loss, "seconds": seconds})


def _photographs(cfg: DictConfig, record: Record) -> data.Photographs:
    if not cfg.data:
        raise ValueError("a network learns from photographs: give data=samples, or data=folder data.path=FOLDER")
    found: data.Photographs = build.build(cfg.data)
    _warn(record, found.warning())
    return found


def _warn(record: Record, warning: str | None) -> None:
    if warning is not None:
        record.warnings.append(warning)
        log.warning("warning: %s", warning)


def _before(resume: str | None) -> Before | None:
    """Read what `resume=` names: a run's folder, or one of its checkpoints."""
    if resume is None:
        return None
    path = Path(resume).expanduser()
    if path.is_dir():
        inside = [path / name for name in ("last.ckpt", "network.ckpt") if (path / name).is_file()]
        if not inside:
            raise ValueError(f"resume={resume} holds no last.ckpt; give the folder of a run that trained a network")
        path = inside[0]
    saved = store.read(path)
    about = saved["nst"]
    return Before(path, list(about["styles"]), dict(about["config"]), about.get("batches"))


def _new(pictures: list[Picture], before: Before) -> bool:
    return any(picture.name not in before.styles for picture in pictures)


def _same(before: Before, plain: dict[str, Any], styles: list[str], record: Record) -> None:
    if before.batches is None:
        raise ValueError(f"resume={before.path} is a trained network and holds no training; give its run's last.ckpt")
    if before.styles != styles:
        raise ValueError(
            f"resume={before.path} learned {', '.join(before.styles)}, not {', '.join(styles)}; only method=multistyle "
            f"takes new styles"
        )
    other = [key for key in (*SAME, "learn") if before.config.get(key) != plain.get(key)]
    if other:
        _warn(record, f"the training that is resumed had other choices for {', '.join(other)}: it goes on with these")


def _task(cfg: DictConfig, styles: list[StylePicture], before: Before | None) -> Task:
    more: dict[str, Any] = {}
    if before is not None:
        trained = store.load(before.path)
        more["before"] = (trained.network, trained.styles)
    objective = build.objective(cfg)
    for name, term in objective.named():
        term.weight *= cfg.learn.gains.get(name, 1.0)
    task: Task = build.build(cfg.method, objective=objective, styles=styles, **more)
    return task


def _crops(plain: dict[str, Any], photographs: data.Photographs) -> data.Crops:
    options = plain["learn"]
    return data.Crops(
        photographs, crop=options["crop"], zoom=options["zoom"], cache=options["cache"], seed=plain["seed"]
    )


def _style_crops(plain: dict[str, Any], found: list[Found], record: Record, task: Task) -> data.Crops | None:
    """Cuts of the named styles and of those in `learn.styles=`, for a network that learns styles from pictures."""
    options = plain["learn"]
    if task.name != "adain":
        return None
    more = data.Photographs([])
    if options["styles"] is not None:
        more = data.folder(Path(options["styles"]), max_megapixels=plain["max_megapixels"])
        _warn(record, more.warning())
    paths = data.Photographs([*(place.path for place in found), *more.paths])
    return data.Crops(
        paths,
        crop=options["crop"],
        zoom=options["style_zoom"],
        cache=options["cache"],
        seed=plain["seed"] + 1,
        repaint=options["repaint"],
    )


def _content(cfg: DictConfig, plain: dict[str, Any]) -> Tensor:
    """The fixed photograph of the previews, edges multiples of 4."""
    place = find(Picture(**plain["content"], name=build.choice("content")), build.build(cfg.download))
    image = images.load(place.path, max_megapixels=cfg.max_megapixels).rgb
    height, width = fit(images.size_of(image), plain["learn"]["preview_size"], by="longest")
    return images.resize(image, (max(8, height - height % 4), max(8, width - width % 4)))


@torch.no_grad()
def _save(record: Record, module: Training, content: Tensor) -> None:
    """Leave the network as it is now, and what it makes of the photograph, styles side by side."""
    module.cpu()
    store.save(
        record.folder / "network.ckpt",
        module.network.state_dict(),
        {**module.about, "keeps": module.task.keeps()},
    )
    pictures = [picture.float() for picture in module.task.preview(content).values()]
    images.save(torch.cat(pictures, dim=3), record.folder / "final.png")
