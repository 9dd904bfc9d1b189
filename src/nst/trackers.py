"""What a run tells its loggers, Lightning's own: curves, pictures, its row, its final figures, its sweep."""

import csv
import json
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from torch import Tensor
from torch.utils.tensorboard.summary import image as image_summary

from nst.utils.files import read_json, write

Factory = Callable[..., Logger]
Scalar = bool | int | float | str
IDS = "loggers.json"
"""File of a run's folder: logger -> what the run is called there, by which a resumed run goes on with it."""
DESCRIPTIONS = {
    "loss": "The weighted sum of the terms, which is minimised.",
    "loss/": "A term before its weight.",
    "picture": "The picture while it is painted.",
    "result/judge/": "A figure of the judge, for final.png: comparable between all runs.",
    "result/": "Of final.png, as it was saved.",
    "schedule/lr": "Learning rate.",
    "source/": "What was given. A sweep shows each source once, in its first run with it.",
    "term/": "What a layer adds to its term, before the term's weight.",
}
"""Tag, or the start of tags -> what it is, as TensorBoard shows it."""


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """A run as its loggers are told it.

    Attributes:
        folder: Its own.
        label: What was swept, `backbone=wavelet,weights.style=0.3`; nothing for a run of no sweep.
        group: The sweep's folder; nothing for a run of no sweep.
        choices: Its row: the same names for every run that is to be compared.
        metrics: Names of the final figures, likewise.
        last_step: Step of the last entries to keep of an interrupted run; None for a new run.
    """

    folder: Path
    label: str = ""
    group: str = ""
    choices: Mapping[str, Scalar]
    metrics: Sequence[str]
    last_step: int | None = None

    @property
    def title(self) -> str:
        """What it is called."""
        return self.label or self.folder.name


class Tracker:
    """What the loggers of all kinds are told; one of an unknown kind gets the curves, the row and the figures.

    Args:
        logger: Lightning's.
    """

    def __init__(self, logger: Any) -> None:
        self.logger = logger

    @staticmethod
    def arguments(run: TrackedRun, known: str | None) -> dict[str, Any]:
        """Return what its logger is built with, beside its options.

        Args:
            run: The run.
            known: What it is called by this logger already, if it is resumed.
        """
        return {"save_dir": str(run.folder.parent), "name": "", "version": run.folder.name}

    def id(self) -> str | None:
        """Return what the run is called by this logger, if that is needed to go on with it."""
        return None

    def start(self, run: TrackedRun) -> None:
        """Tell it the run's choices."""
        self.logger.log_hyperparams({**run.choices, **({"sweep": run.group} if run.group else {})})

    def image(self, tag: str, image: Tensor, step: int) -> None:
        """Show a picture, (3, H, W) in [0, 1]; here it is left out."""

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Tell it the final figures, and close it."""
        self.logger.log_metrics({key: value for key, value in metrics.items() if math.isfinite(value)})
        self.logger.finalize("success")


class TensorBoard(Tracker):
    """TensorBoard: a run of a sweep has its events in a folder called by what was swept, which is its name there."""

    @staticmethod
    def arguments(run: TrackedRun, known: str | None) -> dict[str, Any]:
        """Return its folder, and the step after which a resumed run hides what was logged."""
        # SessionLog.START: TensorBoard takes the first of a run for its start, the next for a restart that purges
        purge = 0 if run.last_step is None else run.last_step + 1
        version = f"{run.folder.name}/{run.label}".rstrip("/")
        return {"save_dir": str(run.folder.parent), "name": "", "version": version, "purge_step": purge}

    def start(self, run: TrackedRun) -> None:
        """Add the row to HParams, with figures that are not a number, so that a crashed run is listed too."""
        if run.last_step is None or not any(Path(self.logger.log_dir).glob("events.out.tfevents.*")):
            self.logger.log_hyperparams(dict(run.choices), dict.fromkeys(run.metrics, nan), step=0)

    def image(self, tag: str, image: Tensor, step: int) -> None:
        """Show a picture, and what it is."""
        summary = image_summary(tag, image, dataformats="CHW")  # type: ignore[no-untyped-call]
        summary.value[0].metadata.summary_description = described(tag)
        _writer(self.logger).add_summary(summary, step)

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Fill the row in HParams, and close it."""
        self.logger.log_metrics(metrics, step=0)
        self.logger.finalize("success")
        self.logger.experiment.close()


class DescribedTensorBoard(TensorBoardLogger):
    """Lightning's logger, which also tells TensorBoard what each curve is, in one file for all levels or frames."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log scalars with their descriptions."""
        for tag, value in metrics.items():
            metadata = SummaryMetadata(summary_description=described(tag))
            one = Summary.Value(tag=tag, simple_value=float(value), metadata=metadata)
            _writer(self).add_summary(Summary(value=[one]), step)

    def finalize(self, status: str) -> None:
        """Write what is waiting. Lightning's closes the file after every fit, and the next one would begin another."""
        self.experiment.flush()
        self.save()


class Csv(Tracker):
    """`metrics.csv`: a resumed run writes the rows before its checkpoint anew, since Lightning deletes an old file."""

    def start(self, run: TrackedRun) -> None:
        """Write the rows of an interrupted run up to its checkpoint."""
        earlier = [] if run.last_step is None else csv_rows(run.folder / "metrics.csv", run.last_step)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "previous log files will be deleted": `earlier` has them
            _ = self.logger.experiment
        for row in earlier:
            self.logger.log_metrics(row, step=int(float(row["step"])))

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Close it; the final figures are in metrics.json."""
        self.logger.finalize("success")


class Wandb(Tracker):
    """Weights & Biases: the runs of a sweep are a group."""

    @staticmethod
    def arguments(run: TrackedRun, known: str | None) -> dict[str, Any]:
        """Return its folder, name, group, and the run to go on with."""
        resumed = {"id": known, "resume": "allow"} if known else {}
        return {"save_dir": str(run.folder), "name": run.title, "group": run.group or None, **resumed}

    def id(self) -> str | None:
        """Return the run's id."""
        return str(self.logger.experiment.id)

    def image(self, tag: str, image: Tensor, step: int) -> None:
        """Show a picture, with its step."""
        import wandb

        self.logger.experiment.log({tag: wandb.Image(array(image)), "trainer/global_step": step})

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Write the figures into the run's summary, and end it."""
        self.logger.experiment.summary.update({k: v for k, v in metrics.items() if math.isfinite(v)})
        self.logger.finalize("success")
        self.logger.experiment.finish()


class MlFlow(Tracker):
    """MLflow: the runs of a sweep share the tag `sweep`."""

    @staticmethod
    def arguments(run: TrackedRun, known: str | None) -> dict[str, Any]:
        """Return its name and tag, and the run to go on with."""
        tags = {"sweep": run.group, "folder": str(run.folder)} if run.group else {"folder": str(run.folder)}
        return {"run_name": run.title, "tags": tags, "run_id": known}

    def id(self) -> str | None:
        """Return the run's id."""
        return str(self.logger.run_id)

    def image(self, tag: str, image: Tensor, step: int) -> None:
        """Add a picture, which MLflow shows with a slider for the step."""
        self.logger.experiment.log_image(self.logger.run_id, array(image), key=tag.replace("/", "_"), step=step)


class Comet(Tracker):
    """Comet: the runs of a sweep share a tag."""

    @staticmethod
    def arguments(run: TrackedRun, known: str | None) -> dict[str, Any]:
        """Return the experiment to go on with."""
        return {"experiment_key": known, "mode": "get"} if known else {}

    def id(self) -> str | None:
        """Return the experiment's key."""
        return str(self.logger.experiment.get_key())

    def start(self, run: TrackedRun) -> None:
        """Tell it the name, the sweep and the choices.

        Raises:
            ValueError: Comet would record nothing, as with Lightning's `online=False`.
        """
        if not self.logger.experiment.alive:
            self.logger.experiment.end()  # else Comet gives it to the next run of this process
            raise ValueError(
                "logger=comet records nothing: give a key that Comet accepts, or for an archive on this machine set "
                "COMET_START_ONLINE=0 and leave logger.comet.online=null"
            )
        self.logger.experiment.set_name(run.title)
        if run.group:
            self.logger.experiment.add_tag(run.group)
        super().start(run)

    def image(self, tag: str, image: Tensor, step: int) -> None:
        """Show a picture, with its step."""
        self.logger.experiment.log_image(array(image), name=tag, step=step)

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Tell it the figures, and end the experiment."""
        super().finish(metrics)
        self.logger.experiment.end()


KINDS: dict[str, type[Tracker]] = {
    "TensorBoardLogger": TensorBoard,
    "CSVLogger": Csv,
    "WandbLogger": Wandb,
    "MLFlowLogger": MlFlow,
    "CometLogger": Comet,
}
"""Lightning's class -> its tracker; by name, since most are there only with their extra."""


def kind(logger: type) -> type[Tracker]:
    """Return the tracker for a class of loggers."""
    return next((KINDS[base.__name__] for base in logger.__mro__ if base.__name__ in KINDS), Tracker)


def tracker(logger: Logger) -> Tracker:
    """Return the tracker of a logger."""
    return kind(type(logger))(logger)


def open_loggers(factories: Iterable[Factory], run: TrackedRun) -> list[Logger]:
    """Build the loggers of a run, and tell them its choices.

    A resumed run repeats the steps after its checkpoint. TensorBoard hides what was logged of them before (images that
    open a level have the step that ended the level before: Python's reader may show these twice), `metrics.csv` is
    rewritten without them, and the others show them twice.

    Args:
        factories: Classes of loggers or partials of them.
        run: The run.
    """
    known = read_json(run.folder / IDS) if run.last_step is not None else {}
    out, ids = [], {}
    for factory in factories:
        made: Any = getattr(factory, "func", factory)
        one = kind(made)
        logger = factory(**one.arguments(run, known.get(made.__name__)))
        told = one(logger)
        told.start(run)
        if (name := told.id()) is not None:
            ids[made.__name__] = name
        out.append(logger)
    if ids:
        write(run.folder / IDS, json.dumps(ids, indent=2).encode())
    return out


def finish(loggers: Iterable[Logger], metrics: Mapping[str, float]) -> None:
    """Tell the loggers the final figures, and close them."""
    for logger in loggers:
        tracker(logger).finish(metrics)


def _writer(logger: TensorBoardLogger) -> Any:
    """The writer of event files, opened anew where the end of a level has closed it, as Lightning's own logger does."""
    return logger.experiment._get_file_writer()


def described(tag: str) -> str:
    """Return what a tag is, or nothing."""
    starts = [start for start in DESCRIPTIONS if tag == start or (start.endswith("/") and tag.startswith(start))]
    return DESCRIPTIONS[max(starts, key=len)] if starts else ""


def array(image: Tensor) -> Any:
    """Return a picture, (3, H, W) in [0, 1], as (H, W, 3), uint8, of NumPy."""
    return (image * 255).round().byte().permute(1, 2, 0).numpy()


def csv_rows(file: Path, last_step: int) -> list[dict[str, Any]]:
    """Return the rows of a CSVLogger's file up to a step, without empty cells."""
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        rows = [{key: value for key, value in row.items() if key and value} for row in csv.DictReader(lines)]
    return [row for row in rows if 0 <= _number(row.get("step")) <= last_step]


def _number(text: str | None) -> float:
    try:
        return float(text or inf)
    except ValueError:
        return inf
