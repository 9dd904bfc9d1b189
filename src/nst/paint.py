"""An image job: load the pictures, paint the levels, save, judge and leave the figures."""

import logging
from math import nan
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from omegaconf import DictConfig

from nst import build, images, jobs, logs, recipe
from nst.callbacks import Progress
from nst.cli import command
from nst.judge import objective as chosen
from nst.library import Found, Picture, find
from nst.methods import Painting
from nst.objective import Target
from nst.pictures import load
from nst.record import Record, peak_memory
from nst.signals import StopOnSignal

log = logging.getLogger("nst")


def paint(
    cfg: DictConfig, plain: dict[str, Any], record: Record, stop: StopOnSignal, made_by: recipe.Recipe | None
) -> jobs.Outcome:
    """Paint one picture and return what `objective=` names.

    Args:
        cfg: The configuration, checked.
        plain: The same as a plain dictionary, resolved.
        record: Of the run's folder.
        stop: Ends the job at a signal.
        made_by: The recipe that the configuration came from, or None.
    """
    download = build.build(cfg.download)
    pictures = [Picture(**plain["content"], name=build.choice("content")), *build.styles(plain["style"])]
    found = [find(picture, download) for picture in pictures]
    color = build.build(cfg.color)
    paths = [place.path for place in found]
    loaded = load(pictures, paths, color=color, max_megapixels=cfg.max_megapixels)
    original = loaded.original

    objective = build.objective(cfg)
    method = build.method(cfg, objective=objective)
    remarks = [*loaded.remarks, *method.remarks(loaded.styles)]
    for warning in (*(place.warning for place in found), objective.backbone.source["warning"], *remarks):
        if warning is not None:
            record.warnings.append(warning)
            log.warning("warning: %s", warning)
    loggers = logs.loggers(cfg, record.folder) if record.leads else []
    judge = build.judge(cfg)
    lapse = build.build(cfg.timelapse) if cfg.timelapse and record.leads else None
    watching = [*([stop] if record.leads else []), *([lapse] if lapse else [])]  # a helper ends with the first
    device = "cpu"

    def save(module: Painting, name: str, text: dict[str, str] | None = None) -> Path:
        path = record.folder / name
        if not record.leads:
            return path
        picture = color.after(images.to_range(module.image().detach().cpu(), cfg.output), original.rgb)
        images.save(picture, path, alpha=original.alpha, text=text)
        return path

    module: Painting | None = None
    levels = []
    try:
        for stage in method.stages(loaded.content, loaded.styles, loaded.keep):
            module = stage.module
            stop.check()
            if stage.steps:
                bar = [Progress(stage.name)] if jobs.has_terminal() and record.leads else []
                trainer = build.trainer(cfg, record.folder, loggers, [*watching, *bar], stage.steps)
                device = trainer.strategy.root_device.type
                trainer.fit(module, stage.data)
            save(module, f"{stage.slug}.png")
            levels.append({"picture": f"{stage.slug}.png", "steps": stage.steps})
    except BaseException:
        if module is not None:  # the picture so far, under a name that nobody takes for a finished one
            save(module, "partial.png")
        raise
    assert module is not None  # a pyramid has a level
    if not record.leads:
        return nan
    sources = {
        "content": _source(pictures[0], found[0]),
        "styles": [_source(picture, place) for picture, place in zip(pictures[1:], found[1:], strict=True)],
        "checkpoint": objective.backbone.source,
    }
    written = recipe.Recipe(
        config=plain | {"recipe": None},
        choices={group: str(word) for group, word in HydraConfig.get().runtime.choices.items()},
        sources=recipe.digests(sources),
        versions=recipe.versions(),
        threads=torch.get_num_threads(),
        device=device,
        command=command(jobs.overrides()),
        pixels=recipe.pixels_sha256(record.folder / levels[-1]["picture"]),
    )
    final = save(module, "final.png", written.text())
    for line in recipe.differences(made_by, written) if made_by else []:
        record.warnings.append(line)
        log.warning("warning: %s", line)
    if made_by and made_by.pixels == written.pixels:
        log.info("every pixel is the recipe's")
    if lapse:
        lapse.save(record.folder)

    shares = module.evaluate(images.load(final).rgb)
    terms = {name: float(sum(stats.values())) for name, stats in shares.items()}
    loss = float(objective.total(shares))
    aims = [Target(style.image, style.weight, style.mask, style.name) for style in loaded.styles]
    judged = judge.figures(images.load(final).rgb, original.rgb, aims) if judge else {}
    record.metrics(
        loss=loss,
        terms=terms,
        weights={name: term.weight for name, term in objective.named()},
        layers=shares,
        size=list(images.size_of(module.image())),
        levels=levels,
        sources=sources,
        judge=judged | ({"network": judge.name, "note": judge.note} if judge else {}),
        threads=torch.get_num_threads(),
        device=device,
    )
    _finish(
        loggers,
        {
            "final/loss": loss,
            **{f"final/{k}": v for k, v in terms.items()},
            **{f"judge/{k}": nan if v is None else v for k, v in judged.items()},
            "final/seconds": record.seconds(),
            "final/peak_memory_gb": peak_memory() / 1e9,
        },
    )
    return chosen(cfg.objective, {**judged, "loss": loss, "seconds": record.seconds()})


def _source(picture: Picture, found: Found) -> dict[str, Any]:
    return {
        "name": picture.name,
        "origin": found.origin,
        "path": found.path,
        "sha256": found.sha256,
        "warning": found.warning,
    }


def _finish(loggers: list[Logger], metrics: dict[str, float]) -> None:
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_metrics(metrics, step=0)
        logger.finalize("success")
