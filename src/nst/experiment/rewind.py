"""Take out of a run's logs what was logged after the state from which it goes on: those steps are taken again."""

import csv
import struct
import warnings
from math import inf
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from tensorboard.compat.proto.event_pb2 import Event

from nst.utils.files import write

EVENTS = "events.out.tfevents.*"


def events(folder: Path, since: float) -> bool:
    """Keep TensorBoard's entries up to a time; return whether there are any.

    Args:
        folder: The run's.
        since: Unix time; 0 for a run that begins.
    """
    begun = False
    if not since:
        return begun
    for file in sorted(folder.glob(EVENTS)):
        data = file.read_bytes()
        kept = _until(data, since)
        if kept != data:
            write(file, kept)
        begun = begun or bool(kept)
    return begun


def _until(data: bytes, since: float) -> bytes:
    """The records up to a time, less a torn one: each is its length (8 bytes), a sum (4), an event, a sum (4)."""
    at = 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        end = at + 16 + length
        if end > len(data):
            break
        try:
            event = Event.FromString(data[at + 12 : end - 4])
        except Exception:  # not what was written: what follows can't be read either
            break
        if event.wall_time > since:
            break
        at = end
    return data[:at]


def rows(folder: Path, step: float) -> list[dict[str, Any]]:
    """Read the rows of `metrics.csv` up to a step; Lightning's logger would delete them all."""
    file = folder / "metrics.csv"
    if not step or not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        found = [{key: value for key, value in row.items() if key and value} for row in csv.DictReader(lines)]
    return [row for row in found if _number(row.get("step")) <= step]


def _number(text: str | None) -> float:
    try:
        return float(text or "inf")
    except ValueError:
        return inf


def refill(logger: CSVLogger, earlier: list[dict[str, Any]]) -> None:
    """Put rows back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "previous log files will be deleted": they are not
        logger.experiment.metrics.extend(earlier)
