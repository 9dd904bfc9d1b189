"""What a configuration becomes: a job made of built objects. Behind this nothing reads a configuration."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger

from nst.callbacks import Checkpoint
from nst.callbacks.timelapse import TimeLapse
from nst.config import legacy
from nst.config.invocation import Invocation
from nst.config.training_options import TrainingOptions
from nst.data.color import Color
from nst.data.library import ImageFile, ImageSource
from nst.data.photographs import TrainingImages
from nst.methods import FilmMethod, ImageMethod, NetworkMethod
from nst.metrics.judge import Judge
from nst.objective import Objective
from nst.trackers import TrackedRun

FREE = (
    "download",
    "logger",
    "judge",
    "minimize",
    "checkpoint",
    "reproduce",
    "resume",
    "threads",
    "keep_memory",
    "cuda_graph",
    "name",
    "depth",
)
"""Options that do not touch the pixels, or whose difference is reported: they may change when a run goes on."""


@dataclass(frozen=True)
class Choices:
    """What was chosen for a run, as it is recorded, compared and written into the picture; nothing is built from it.

    Attributes:
        config: The resolved configuration, plain.
        digest: SHA-256 of the options that make the pixels.
    """

    config: Mapping[str, Any]
    digest: str

    @classmethod
    def of(cls, config: Mapping[str, Any], digest: str | None = None) -> "Choices":
        """Return a configuration with its digest, or with that of the file that it was read from."""
        return cls(config, digest or digest_of(config))

    def differing(self, other: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
        """Return those of the keys in which another configuration differs."""
        return [key for key in keys if self.config.get(key) != other.get(key)]


def digest_of(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the options that make the pixels."""
    counted = {key: value for key, value in config.items() if legacy.OPTIONS.get(key, key) not in FREE}
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class LoggerOptions:
    """What the loggers of a run are built from, and what they are told of it.

    Attributes:
        factories: Make the loggers.
        choices: The run's row: the same names for every run, and what the sweep varies.
        metrics: Names of the final figures.
        label: What was swept, `backbone=wavelet,weights.style=0.3`.
        group: The sweep's folder, or nothing.
    """

    factories: Sequence[Callable[..., Logger]]
    choices: Mapping[str, Any]
    metrics: Sequence[str]
    label: str
    group: str

    def run(self, folder: Path, last_step: int | None) -> TrackedRun:
        """Return the run as the loggers are told it.

        Args:
            folder: The run's own.
            last_step: Step of the last entries to keep of an interrupted run; None for a new run.
        """
        return TrackedRun(
            folder=folder,
            label=self.label,
            group=self.group,
            choices=self.choices,
            metrics=self.metrics,
            last_step=last_step,
        )


TrainerFactory = Callable[[int, list[Logger], list[Callback]], Trainer]
"""(steps, loggers, further callbacks) -> the trainer of one stage."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What both kinds of job are made of.

    Attributes:
        invocation: How the job was asked for.
        choices: For the record.
        trainer: Makes a trainer for each `fit`.
        loggers: What the loggers are built from.
        minimize: The figure, or the list of figures, that a sweep minimises.
        content: The photograph, as it was asked for and as it was found.
        styles: Likewise.
        max_megapixels: A larger picture file is refused, 10^6 pixels.
    """

    invocation: Invocation
    choices: Choices
    trainer: TrainerFactory
    loggers: LoggerOptions
    minimize: str | list[str]
    content: tuple[ImageSource, ImageFile]
    styles: Sequence[tuple[ImageSource, ImageFile]]
    max_megapixels: float

    @property
    def folder(self) -> Path:
        """The run's own."""
        return self.invocation.folder


@dataclass(frozen=True, kw_only=True)
class ImageJob(Job):
    """One picture to be optimised.

    Attributes:
        method: Gives the levels, each with its losses.
        objective: The losses.
        color: What happens to colours before and after.
        output: How the result is brought into [0, 1]: `clip` or `stretch`.
        depth: Bits of a colour in the result: 8, or 16 for a TIFF beside the PNG.
        judge: Gives the figures by which runs compare, or None.
        timelapse: Collects the frames, or None.
        checkpoint: Makes the callback that writes `last.ckpt`, or None.
        device: Kind of device that the trainer will take: `cpu`, `cuda` or `mps`.
        threads: Of torch, as asked for; None: this job's share of the cores.
    """

    method: ImageMethod
    objective: Objective
    color: Color
    output: str
    depth: int
    judge: Judge | None
    timelapse: TimeLapse | None
    checkpoint: Callable[..., Checkpoint] | None
    device: str
    threads: int | None


@dataclass(frozen=True, kw_only=True)
class FilmJob(ImageJob):
    """One film to be optimised.

    Attributes:
        film: How its frames follow each other.
    """

    film: FilmMethod


@dataclass(frozen=True, kw_only=True)
class NetworkJob(Job):
    """One network to be trained.

    Attributes:
        method: (styles=[, before=]) -> the method.
        kind: The method's class.
        objective: The losses, weighted for a network.
        photographs: What the network learns from.
        options: Batches, crops, intervals.
        seed: Of the order and the crops.
        base: The checkpoint or run folder of a network to go on from, or None.
        resumes: Whether the run goes on in its own folder.
        accumulate: Batches of a step.
    """

    method: Callable[..., NetworkMethod]
    kind: type[NetworkMethod]
    objective: Objective
    photographs: TrainingImages
    options: TrainingOptions
    seed: int
    base: str | None
    resumes: bool
    accumulate: int
