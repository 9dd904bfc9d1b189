"""One job: build, run the stages, save, and leave a record whatever happens."""

import logging
import os
import signal
import warnings
from math import nan
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch import seed_everything
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig, OmegaConf

from nst import build, images, jobs, logs, recipe
from nst.callbacks import Progress
from nst.cli import command, one_line, report
from nst.files import write
from nst.judge import objective as chosen
from nst.library import Found, Picture, find
from nst.methods import Painting
from nst.objective import Target
from nst.pictures import load
from nst.record import Record, peak_memory
from nst.remake import remake
from nst.signals import Interrupted, StopOnSignal, caught

log = logging.getLogger("nst")


def run(cfg: DictConfig) -> jobs.Outcome:
    """Run one job in its own folder, in this process, and return what `objective=` names, for sweepers.

    Raises:
        SystemExit: A signal stopped the run (128 + its number), or an error (1), recorded in `status.json`.
    """
    quiet()
    hydra = HydraConfig.get()
    typed = jobs.overrides()
    record = Record(Path(hydra.runtime.output_dir), about={"overrides": typed, "command": command(typed)})
    try:
        with caught() as stop:
            objective = _run(cfg, record, stop)
    except (Interrupted, KeyboardInterrupt, SIGTERMException) as error:
        number = {KeyboardInterrupt: signal.SIGINT, SIGTERMException: signal.SIGTERM}.get(type(error), stop.received)
        outcome = Interrupted(number or signal.SIGTERM)
        record.status("interrupted", str(outcome))
        log.info("%s; the picture so far is in %s", outcome, short(record.folder))
        raise SystemExit(outcome.exit_code) from None
    except Exception as error:
        record.status("failed", one_line(error))
        if hydra.mode != RunMode.MULTIRUN:
            raise SystemExit(report(error)) from None
        log.error("error: job %s: %s", hydra.job.num, one_line(error))
        raise SystemExit(1) from None
    record.status("finished", objective=objective)
    log.info("picture: %s", short(record.folder / "final.png"))
    return objective


def _run(cfg: DictConfig, record: Record, stop: StopOnSignal) -> jobs.Outcome:
    cfg, made_by = remake(cfg)
    plain: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    build.check(plain)
    write(record.folder / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True).encode())
    seed_everything(cfg.seed, workers=True, verbose=False)
    torch.set_num_threads(plain["threads"] or jobs.threads())

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
    loggers = logs.loggers(cfg, record.folder)
    judge = build.judge(cfg)
    lapse = build.build(cfg.timelapse) if cfg.timelapse else None
    watching = [stop, *([lapse] if lapse else [])]
    device = "cpu"

    def save(module: Painting, name: str, text: dict[str, str] | None = None) -> Path:
        path = record.folder / name
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
                bar = [Progress(stage.name)] if jobs.has_terminal() else []
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


def short(path: Path) -> str:
    """Give a path as a person would type it: relative where it lies below the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def quiet() -> None:
    """Take out messages of the framework that tell a user nothing, and the doubling of its lines under Hydra."""
    warnings.filterwarnings(
        "ignore", message=r".*LeafSpec.*", category=FutureWarning
    )  # Lightning 2.6 with torch >= 2.10
    warnings.filterwarnings("ignore", message=r".*in eval mode at the start of training.*")  # the backbone, on purpose
    warnings.filterwarnings(
        "ignore", message=r".*smaller than the logging interval.*"
    )  # a short level: its end is recorded
    warnings.filterwarnings("ignore", message=r".*`srun` command is available.*")
    warnings.filterwarnings("ignore", message=r".*lr_scheduler\.step\(\).*before.*optimizer\.step.*")
    os.environ.setdefault("POSSIBLE_USER_WARNINGS", "off")
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
