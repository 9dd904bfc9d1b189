"""An image job: read the pictures, fit each level, save the picture, measure it."""

import contextlib
import logging
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback
from lightning.pytorch.loggers import Logger
from torch import Tensor

from nst import trackers
from nst.callbacks import Checkpoint, Progress, checkpoint
from nst.callbacks.checkpoint import RunState
from nst.callbacks.stop_on_signal import StopOnSignal
from nst.config.invocation import Outcome, command
from nst.config.job import ImageJob
from nst.data import image_io, inputs
from nst.data.inputs import Inputs
from nst.data.library import ImageFile, ImageSource
from nst.experiment import helpers, provenance, status
from nst.experiment.provenance import Provenance
from nst.experiment.record import Record
from nst.methods import ImageModule, Stage
from nst.metrics.judge import sweep_value
from nst.objective import Target
from nst.utils import devices, distributed
from nst.utils.files import sha256, user_path
from nst.utils.versions import versions

log = logging.getLogger("nst")
FINAL, PARTIAL, DEEP = "final.png", "partial.png", "final_16bit.tiff"


def run(job: ImageJob, record: Record, stop: StopOnSignal, asked: Provenance | None) -> Outcome:
    """Paint one picture and return what `minimize=` names.

    Of several processes that paint one picture only the first leaves files: its record `leads`.

    Args:
        job: Everything that it is made of.
        record: Of the run's folder.
        stop: Ends the job at a signal.
        asked: How the picture was made that is to be reproduced, or None.
    """
    record.temporary = [checkpoint.NAME, PARTIAL]
    paths = [found.path for _, found in (job.content, *job.styles)]
    wanted = [picture for picture, _ in (job.content, *job.styles)]
    status.refuse_written(job.folder, [*paths, *_more_files(job).values()])
    pictures = inputs.load(wanted, paths, color=job.color, max_megapixels=job.max_megapixels)
    facts, before = _resume(job, pictures, record)
    output = Output(job, pictures, record)
    logs, saver, callbacks = _watchers(job, record, stop, facts, before)
    levels = before.facts.get("levels", [])[: max(0, before.level - 1)]
    module: ImageModule | None = None
    try:
        for stage in job.method.stages(pictures, first=max(1, before.level)):
            module = stage.module
            if record.leads:
                stop.check()
            if before.finished and stage.number == before.level:
                _restore(module, job, before)
            elif stage.steps:
                facts["device"] = _fit(job, stage, before, logs, saver, callbacks, record)
            name = f"level_{stage.number}_{module.size[1]}x{module.size[0]}.png"
            output.save(module.image(), name)
            levels.append({"picture": name, "steps": stage.steps})
            _save_level(job, module, levels, saver, stop)
    except BaseException:
        if module is not None:
            output.save_partial(module.image())
        raise
    distributed.leave()
    assert module is not None  # a pyramid has a level
    if not record.leads:
        return nan
    made = _provenance(job, facts, job.folder / levels[-1]["picture"])
    output.save(module.image(), FINAL, made.text())
    _compare(asked, made, record)
    if job.timelapse:
        job.timelapse.save(job.folder)
    loss, terms, judged = _measure(job, module, pictures, levels, facts, record)
    finals = {"loss": loss, **terms, **record.costs()}
    judge = {f"result/judge/{name}": nan if value is None else value for name, value in judged.items()}
    trackers.finish(logs, {f"result/{name}": value for name, value in finals.items()} | judge)
    return sweep_value(job.minimize, {**judged, "loss": loss, "seconds": record.seconds()})


@dataclass(frozen=True)
class Output:
    """Writes the pictures of a run with the colours and the opacity that they are to have."""

    job: ImageJob
    pictures: Inputs
    record: Record

    def save(self, image: Tensor, name: str, text: dict[str, str] | None = None) -> None:
        """Write a picture, (1, 3, H, W), with PNG text fields."""
        if not self.record.leads:
            return
        original = self.pictures.original
        picture = self.job.color.after(image_io.to_range(image.detach().cpu(), self.job.output), original.rgb)
        image_io.save(picture, self.job.folder / name, alpha=original.alpha, text=text)
        if name == FINAL and self.job.depth == 16:
            image_io.save_deep(picture, self.job.folder / DEEP, alpha=original.alpha)

    def save_partial(self, image: Tensor) -> None:
        """Write the picture of a run that is cut short, under a name that nobody takes for a finished one."""
        if image.isfinite().all():
            with contextlib.suppress(OSError):  # a full disk: the error that led here is what to tell
                self.save(image, PARTIAL)


def _resume(job: ImageJob, pictures: Inputs, record: Record) -> tuple[dict[str, Any], RunState]:
    """Return the facts that a run must share with the one that it goes on with, and where that one was.

    Everything that is not as it was asked for is said in a warning.
    """
    folder, threads = job.folder, job.threads
    before = checkpoint.read(folder) if job.choices.config["resume"] else RunState(folder / checkpoint.NAME)
    if before.level and threads is None:
        torch.set_num_threads(before.facts["threads"])
    facts: dict[str, Any] = {
        "config": job.choices.digest,
        "sources": digests(job),
        "versions": versions(),
        "threads": torch.get_num_threads(),
        "device": job.device,
    }
    lost: list[str] = []
    try:
        checkpoint.refuse_others(before, facts)
    except ValueError as error:
        if not job.invocation.in_sweep:
            raise
        before, lost = RunState(before.path), [f"starts anew: {error}"]  # its other jobs must go on
    if record.leads and not before.level:
        status.remove_stale(folder)
    found = [found.warning for _, found in (job.content, *job.styles)]
    remarks = [*pictures.remarks, *job.method.remarks(pictures), *lost, *checkpoint.differences(before, facts)]
    for warning in (*found, job.objective.backbone.source["warning"], *remarks):
        if warning is not None:
            record.warn(warning)
    record.began -= before.facts["seconds"]
    if before.level:
        log.info("goes on after step %d (level %d)", before.facts["step"], before.level)
    return facts, before


def _watchers(
    job: ImageJob, record: Record, stop: StopOnSignal, facts: dict[str, Any], before: RunState
) -> tuple[list[Logger], Checkpoint | None, list[Callback]]:
    """Return the loggers, the callback that keeps the state, and all that live through every level."""
    if not record.leads:
        return [], None, []
    last_step = int(before.facts["step"]) if before.level else None
    logs = trackers.open_loggers(job.loggers.factories, job.loggers.run(job.folder, last_step))
    saver = job.checkpoint(path=before.path, facts=facts, spent=before.facts["seconds"]) if job.checkpoint else None
    return logs, saver, [one for one in (saver, stop, job.timelapse, *job.invocation.watchers) if one is not None]


def _fit(
    job: ImageJob,
    stage: Stage[ImageModule],
    before: RunState,
    logs: list[Logger],
    saver: Checkpoint | None,
    callbacks: list[Callback],
    record: Record,
) -> str:
    """Run one level, from the start or from the step where the run was; return the kind of device that it ran on."""
    if saver:
        saver.level = stage.number
    bar = [Progress(stage.name)] if callbacks and job.invocation.has_terminal else []
    trainer = job.trainer(stage.steps, logs, [*callbacks, *bar])
    goes_on = stage.number == before.level
    with helpers.watched(trainer, record):
        trainer.fit(stage.module, stage.data, ckpt_path=str(before.path) if goes_on else None, weights_only=True)
    stage.module.trainer = None  # it holds what the picture no longer needs
    return trainer.strategy.root_device.type


def _restore(module: ImageModule, job: ImageJob, before: RunState) -> None:
    """Restore a level that was finished before the run was cut short."""
    module.load_finished_state(before.kept)
    if job.timelapse and job.timelapse.state_key in before.callbacks:
        job.timelapse.load_state_dict(before.callbacks[job.timelapse.state_key])


def _save_level(
    job: ImageJob, module: ImageModule, levels: list[dict[str, Any]], saver: Checkpoint | None, stop: StopOnSignal
) -> None:
    """Write what a finished level hands to the next one, where that is due or a signal ends the run here."""
    if saver is None:
        return
    saver.level, saver.levels = len(levels), list(levels)
    lasting = {job.timelapse.state_key: job.timelapse.state_dict()} if job.timelapse else {}
    step = module.first_step + module.optimization.steps
    saver.end_level(step, module.finished_state(), lasting, always=stop.received is not None)


def _provenance(job: ImageJob, facts: dict[str, Any], picture: Path) -> Provenance:
    return Provenance(
        config={**job.choices.config, "reproduce": None, "resume": None},
        choices={group: str(word) for group, word in job.invocation.choices.items()},
        sources=facts["sources"],
        versions=facts["versions"],
        threads=torch.get_num_threads(),
        device=facts["device"],
        command=command(job.invocation.overrides),
        pixels=provenance.pixels_sha256(picture),
    )


def _compare(asked: Provenance | None, made: Provenance, record: Record) -> None:
    """Say whether a picture that was to be reproduced is the same."""
    if asked is None:
        return
    for line in provenance.differences(asked, made):
        record.warn(line)
    if asked.pixels == made.pixels:
        log.info("every pixel is reproduced")


def _measure(
    job: ImageJob,
    module: ImageModule,
    pictures: Inputs,
    levels: list[dict[str, Any]],
    facts: dict[str, Any],
    record: Record,
) -> tuple[float, dict[str, float], dict[str, float | None]]:
    """Measure `final.png` as it was written, after colours and rounding; write `metrics.json`.

    Returns:
        The loss, the terms, and the judge's figures.
    """
    final = image_io.load(job.folder / FINAL).rgb
    layers = module.evaluate(final)
    loss = float(job.objective.total(layers))
    terms = {name: float(sum(values.values())) for name, values in layers.items()}
    original = pictures.original
    styles = [Target(style.image, style.weight, style.mask, style.name, style.alpha) for style in pictures.styles]
    judged = job.judge.figures(final, original.rgb, styles, alpha=original.alpha) if job.judge else {}
    record.metrics(
        loss=loss,
        terms=terms,
        weights={name: term.weight for name, term in job.objective.named()},
        layers=layers,
        size=list(image_io.size_of(module.image())),
        levels=levels,
        sources=sources(job),
        judge=judged | ({"network": job.judge.name, "note": job.judge.note} if job.judge else {}),
        threads=torch.get_num_threads(),
        device=facts["device"],
        arithmetic=devices.arithmetic(facts["device"], str(job.choices.config["trainer"]["precision"])),
    )
    return loss, terms, judged


def sources(job: ImageJob) -> dict[str, Any]:
    """Return where everything came from, as in `metrics.json`."""
    return {
        "content": _source(*job.content),
        "styles": [_source(*style) for style in job.styles],
        "checkpoint": job.objective.backbone.source,
        "more": {name: {"path": path, "sha256": sha256(path)} for name, path in _more_files(job).items()},
    }


def _source(asked: ImageSource, found: ImageFile) -> dict[str, Any]:
    return {"name": asked.short, **{key: getattr(found, key) for key in ("origin", "path", "sha256", "warning")}}


def _more_files(job: ImageJob) -> dict[str, Path]:
    """Return the files that are read besides the content, the styles and the checkpoint, by what they are."""
    masks = {"content mask": job.content[0].mask} | {f"style {style.name} mask": style.mask for style, _ in job.styles}
    named = {**masks, "init": job.choices.config["init"].get("path")}
    return {name: user_path(path) for name, path in named.items() if path is not None}


def digests(job: ImageJob) -> dict[str, str | None]:
    """Return the SHA-256 of every file that a picture is made from."""
    styles = {f"style {style.name}": found.sha256 for style, found in job.styles}
    more = {name: sha256(path) for name, path in _more_files(job).items() if path.is_file()}
    return {"content": job.content[1].sha256, **styles, "checkpoint": job.objective.backbone.source["sha256"], **more}
