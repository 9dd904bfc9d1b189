"""A film's job: read it, paint its frames one after the other, write it with its sound, and measure it."""

import json
import logging
import shutil
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.loggers import Logger
from torch import Tensor

from nst import trackers
from nst.callbacks import Progress
from nst.callbacks.stop_on_signal import StopOnSignal
from nst.config.invocation import Outcome
from nst.config.job import FilmJob
from nst.data import film_writing, image_io, inputs
from nst.data.film import Film, to_image, to_pixels
from nst.data.film_writing import FilmWriter
from nst.data.image_io import DecodedImage
from nst.data.inputs import Inputs
from nst.data.shots import Cuts
from nst.experiment import image_job, status
from nst.experiment.record import Record
from nst.methods import FrameWork
from nst.metrics import temporal
from nst.metrics.judge import sweep_value
from nst.objective import Target
from nst.utils import devices
from nst.utils.files import read_json, write

log = logging.getLogger("nst")
PAUSE = 30.0  # seconds between two lines about the progress
KEPT = "frames/film.json"
"""What a run that is not finished has left in its folder."""
JUDGED = 4  # frames that the judge looks at


def run(job: FilmJob, record: Record, stop: StopOnSignal) -> Outcome:
    """Paint a film and return what `minimize=` names, on average over its frames.

    Args:
        job: Everything that it is made of.
        record: Of the run's folder.
        stop: Ends the job at a signal.
    """
    source = job.content[1].path
    status.refuse_written(job.folder, [source, *(found.path for _, found in job.styles)])
    film = Film(source)
    record.result = f"film{film_writing.output_suffix(source)}"
    writer = FilmWriter(film, job.folder / record.result, {"config": job.choices.digest})
    try:
        frames = Frames(job, film)
        pictures = Pictures(job, frames)
        for line in (film.remark(), *_remarks(job, pictures)):
            if line is not None:
                record.warn(line)
        logs = _paint_all(job, frames, pictures, stop)
        for frame in film.frames():
            new = frame.number >= writer.done
            writer.add(frame, to_pixels(pictures.shown(frame.number), deep=film.about.deep) if new else None)
        image_io.save(pictures.shown(0), job.folder / "final.png")
        if damage := film.damage(f"{record.result} holds the others"):
            record.warn(damage)
        outcome = _measure(job, frames, pictures, record, logs)
        writer.finish()
    finally:
        writer.close()
    shutil.rmtree(frames.folder)
    return outcome


class Frames:
    """The frames of a film and what has been painted of them, in files, so that a run of any length can go on.

    Args:
        job: Says at which size frames are painted.
        film: The film.

    Attributes:
        count: Of the frames.
        folder: Where they lie.
    """

    def __init__(self, job: FilmJob, film: Film) -> None:
        self.folder = job.folder / "frames"
        self.folder.mkdir(exist_ok=True)
        sources = image_job.digests(job)
        found = read_json(self.folder / "film.json")
        if not found:  # the last thing that is written
            found = self._read(job, film, sources)
        if found["sources"] != sources:
            name = next(name for name in sources if found["sources"].get(name) != sources[name])
            raise ValueError(
                f"{name} is another file than when {job.folder} started; put that back, or start a new run"
            )
        self.count, self.starts = int(found["count"]), list(found["starts"])

    def _read(self, job: FilmJob, film: Film, sources: Mapping[str, Any]) -> dict[str, Any]:
        """Write every frame at the size that is painted; return how many there are, and where shots begin."""
        cut, starts, count = Cuts(), [], 0
        for frame in film.frames():
            if cut(frame) or frame.number == 0:
                starts.append(frame.number)
            image = frame.image()
            small = job.method.resampling.resize(image, job.method.size(image)).clamp(0, 1)
            np.save(self.folder / f"content_{frame.number:09d}.npy", to_pixels(small, deep=film.about.deep))
            count += 1
        found = {"count": count, "starts": starts, "sources": dict(sources)}
        write(self.folder / "film.json", json.dumps(found).encode())
        return found

    def shot(self, number: int) -> int:
        """Return the number of a frame's shot."""
        return bisect_right(self.starts, number)

    def content(self, number: int) -> Tensor:
        """Return a frame of the film at the size that is painted, (1, 3, H, W) in [0, 1]."""
        return to_image(np.load(self.folder / f"content_{number:09d}.npy"))

    def picture(self, number: int) -> Tensor:
        """Return what has been painted of a frame last, (1, 3, H, W) in [0, 1]."""
        return to_image(np.load(max(self._painted(number))))

    def is_done(self, turn: int, number: int) -> bool:
        """Return whether a pass, or a later one, has painted a frame."""
        return any(_turn(path) >= turn for path in self._painted(number))

    def losses(self) -> list[dict[str, float]]:
        """Return the losses of every frame that was optimised."""
        return [found for number in range(self.count) if (found := read_json(self.folder / f"{number:09d}.json"))]

    def save(self, turn: int, number: int, image: Tensor, losses: Mapping[str, float]) -> None:
        """Keep what a pass has painted of a frame, whole or not at all, and the losses that it ended with."""
        before = self._painted(number)
        write(self.folder / f"{number:09d}.json", json.dumps(losses).encode())
        part = self.folder / "frame.part"
        with part.open("wb") as file:
            np.save(file, to_pixels(image, deep=True))
        part.replace(self.folder / f"{number:09d}_{turn:03d}.npy")
        for path in before:
            path.unlink()

    def _painted(self, number: int) -> list[Path]:
        return list(self.folder.glob(f"{number:09d}_*.npy"))


def _turn(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


class Pictures:
    """What frames are painted from, and how they are shown.

    Args:
        job: Its styles, masks and colours.
        frames: Of the film.

    Attributes:
        first: Of the first frame; its styles, with their colours, are those of all frames.
    """

    def __init__(self, job: FilmJob, frames: Frames) -> None:
        self.job, self.frames = job, frames
        self.styles = [image_io.load(found.path, max_megapixels=job.max_megapixels) for _, found in job.styles]
        self.first = self._of(0)

    def _of(self, number: int) -> Inputs:
        sources = [picture for picture, _ in (self.job.content, *self.job.styles)]
        decoded = [DecodedImage(self.frames.content(number)), *self.styles]
        return inputs.of(sources, decoded, color=self.job.color, max_megapixels=self.job.max_megapixels)

    def of(self, number: int) -> Inputs:
        """Return what a frame is painted from."""
        return replace(self._of(number), styles=self.first.styles)

    def shown(self, number: int) -> Tensor:
        """Return the picture of a frame with the colours that it is to have, (1, 3, H, W) in [0, 1]."""
        return self.job.color.after(self.frames.picture(number), self.frames.content(number)).clamp(0, 1)


def _remarks(job: FilmJob, pictures: Pictures) -> list[str]:
    """Return one line for each thing that a user may not expect."""
    found = [found.warning for _, found in job.styles]
    lines = [*found, job.objective.backbone.source["warning"], *pictures.first.remarks]
    return [line for line in (*lines, *job.method.remarks(pictures.first)) if line is not None]


def _paint_all(job: FilmJob, frames: Frames, pictures: Pictures, stop: StopOnSignal) -> list[Logger]:
    """Paint every frame that is not done in every pass; return the loggers."""
    logs: list[Logger] = []
    began = told = time.monotonic()
    total, fresh = frames.count * job.film.options.passes, 0
    left = sum(not frames.is_done(turn + 1, n) for turn in range(job.film.options.passes) for n in range(frames.count))
    if left < total:
        log.info("goes on after %d of %d frames", total - left, total)
    for work in job.film.work(frames, pictures.of, frames.is_done):
        if not logs:
            logs = trackers.open_loggers(job.loggers.factories, job.loggers.run(job.folder, work.step or None))
        stop.check()
        _paint(job, work, frames, logs, stop)
        fresh, now = fresh + 1, time.monotonic()
        if now - told > PAUSE:
            minutes = (now - began) / fresh * (left - fresh) / 60
            log.info("%d of %d frames, %.0f min left", total - left + fresh, total, minutes)
            told = now
    return logs


def _paint(job: FilmJob, work: FrameWork, frames: Frames, logs: list[Logger], stop: StopOnSignal) -> None:
    image, module = work.picture, None
    for stage in work.stages:
        module = stage.module
        if stage.steps:
            bar = [Progress(stage.name)] if job.invocation.has_terminal else []
            trainer = job.trainer(stage.steps, logs, [stop, *job.invocation.watchers, *bar])
            trainer.fit(module, stage.data, weights_only=True)
            module.trainer = None  # it holds what the picture no longer needs
        image = module.image().detach()
    assert image is not None  # a work has a keyframe or a stage
    losses: dict[str, float] = {}
    if module is not None and module.loss is not None:
        losses = {name: float(sum(one.values())) for name, one in module.shares.items()}
        losses["loss"] = float(module.loss)
    frames.save(work.turn, work.number, image.cpu().clamp(0, 1), losses)


def _measure(job: FilmJob, frames: Frames, pictures: Pictures, record: Record, logs: list[Logger]) -> Outcome:
    """Measure what was painted, write `metrics.json`, and return what `minimize=` names."""
    every = frames.losses()
    losses = {name: _mean([one.get(name) for one in every]) for name in (every[0] if every else {"loss": nan})}
    loss = losses.pop("loss")
    contents = (frames.content(number) for number in range(frames.count))
    flicker = temporal.figures(contents, (pictures.shown(number) for number in range(frames.count)))
    judged = _judged(job, frames, pictures)
    record.metrics(
        loss=loss,
        terms=losses,
        weights={name: term.weight for name, term in job.objective.named()},
        frames=frames.count,
        shots=len(frames.starts),
        size=list(image_io.size_of(pictures.first.content)),
        sources=image_job.sources(job),
        judge=judged | ({"network": job.judge.name, "note": job.judge.note} if job.judge else {}),
        flicker=flicker,
        threads=torch.get_num_threads(),
        device=job.device,
        arithmetic=devices.arithmetic(job.device, str(job.choices.config["trainer"]["precision"])),
    )
    finals = {"loss": loss, **losses, **record.costs()}
    more = {f"judge/{name}": nan if value is None else value for name, value in judged.items()}
    more |= {f"flicker/{name}": value for name, value in flicker.items() if value is not None}
    trackers.finish(logs, {f"result/{name}": value for name, value in (finals | more).items()})
    return sweep_value(job.minimize, {**judged, "loss": loss, "seconds": record.seconds()})


def _judged(job: FilmJob, frames: Frames, pictures: Pictures) -> dict[str, float | None]:
    """Return the judge's figures, on average over a few frames."""
    if not job.judge:
        return {}
    numbers = sorted({round(at) for at in np.linspace(0, frames.count - 1, JUDGED)})
    styles = [Target(one.image, one.weight, one.mask, one.name, one.alpha) for one in pictures.first.styles]
    found = [job.judge.figures(pictures.shown(n), frames.content(n), styles) for n in numbers]
    return {name: _mean([one[name] for one in found]) for name in found[0]}


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else nan
