"""The loggers of a run: their folder, what a resumed run keeps of them, the run's row in HParams."""

import csv
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf, nan
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger


def open_loggers(
    factories: Iterable[Callable[..., Logger]],
    folder: Path,
    *,
    last_step: int | None,
    choices: Mapping[str, bool | int | float | str],
    metrics: Sequence[str],
) -> list[Logger]:
    """Build the loggers of a run, each with the run's folder as its own.

    A resumed run repeats the steps after its checkpoint. TensorBoard hides what was logged of them before (images that
    open a level have the step that ended the level before: Python's reader may show these twice); the rows of
    `metrics.csv` are rewritten without them.

    HParams gets the run's row at the start, with metrics that are not a number, so that a crashed run is listed too.

    Args:
        factories: Called with `save_dir`, `name` and `version`; classes of loggers or partials of them.
        folder: The run's.
        last_step: Step of the last entries to keep of an interrupted run; None for a new run.
        choices: The run's row in HParams; the same names for every run that is to be compared.
        metrics: Names of the final metrics, likewise.
    """
    earlier = [] if last_step is None else csv_rows(folder / "metrics.csv", last_step)
    has_row = last_step is not None and any(folder.glob("events.out.tfevents.*"))
    # SessionLog.START: TensorBoard takes the first of a run for its start, the next for a restart that purges
    purge_step = 0 if last_step is None else last_step + 1
    out = []
    for factory in factories:
        place = {"save_dir": str(folder.parent), "name": "", "version": folder.name}
        kind = getattr(factory, "func", factory)
        tensorboard = isinstance(kind, type) and issubclass(kind, TensorBoardLogger)
        logger = factory(**place, purge_step=purge_step) if tensorboard else factory(**place)
        if isinstance(logger, TensorBoardLogger) and not has_row:
            logger.log_hyperparams(dict(choices), dict.fromkeys(metrics, nan), step=0)
        if isinstance(logger, CSVLogger):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "previous log files will be deleted": `earlier` has them
                _ = logger.experiment
            for row in earlier:
                logger.log_metrics(row, step=int(float(row["step"])))
        out.append(logger)
    return out


def csv_rows(file: Path, last_step: int) -> list[dict[str, Any]]:
    """Return the rows of a CSVLogger's file up to a step, without empty cells.

    Lightning's CSVLogger can't continue a file: it deletes an older one.
    """
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


def finish(loggers: Iterable[Logger], metrics: Mapping[str, float]) -> None:
    """Log the final metrics, which fills the run's row in HParams, and close the loggers."""
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_metrics(metrics, step=0)
        logger.finalize("success")
