"""What a run leaves beside its pictures: `status.json`, `metrics.json`, its resolved configuration."""

import contextlib
import logging
import sys
import time
from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import Any

import torch

from nst.experiment import status
from nst.utils.files import write
from nst.utils.versions import versions

log = logging.getLogger("nst")


class Record:
    """The record of one run: its state, its figures and its warnings, as JSON files in its folder.

    Args:
        folder: The run's own folder; it must be writable.
        about: Fields of `status.json` besides the state: how the job was asked for.

    Raises:
        OSError: The folder can't be written.

    Attributes:
        leads: Whether this process writes files: of several that paint one picture only the first does.
    """

    leads = True

    def __init__(self, folder: Path, *, about: Mapping[str, Any]) -> None:
        self.folder = folder
        self.about = dict(about)
        self.began = time.time()
        self.warnings: list[str] = []
        self.result = "final.png"  # what a finished run names
        self.temporary: list[str] = []  # names of files that are deleted when the run is finished
        reset_peak_memory()
        self.status("running")

    def status(self, state: str, reason: str | None = None, **more: Any) -> None:
        """Write `status.json`: state is `running`, `finished`, `interrupted` or `failed`; the reason is one line."""
        status.write(self.folder, state, reason, began=status.utc(self.began), **self.about, **more)

    def warn(self, line: str) -> None:
        """Log a warning, and keep it for `metrics.json`."""
        self.warnings.append(line)
        log.warning("warning: %s", line)

    def metrics(self, **values: Any) -> None:
        """Write `metrics.json`: the values, and seconds, peak memory, warnings and versions."""
        self.write(
            "metrics.json",
            {
                **values,
                "seconds": self.seconds(),
                "peak_memory_bytes": peak_memory(),
                "warnings": self.warnings,
                "versions": versions(),
            },
        )

    def seconds(self) -> float:
        """Return the seconds since the run started."""
        return round(time.time() - self.began, 3)

    def costs(self) -> dict[str, float]:
        """Return the run's seconds and its peak memory, for the loggers."""
        peak = peak_memory()
        return {"seconds": self.seconds(), "peak_memory_gb": nan if peak is None else peak / 1e9}

    def write(self, name: str, values: dict[str, Any]) -> None:
        """Write a JSON file into the folder, whole or not at all; numbers that are not finite become null."""
        write(self.folder / name, status.json_bytes(_numbers(values)))


class NoRecord(Record):
    """The record of a process that is not the first of several: it writes nothing."""

    leads = False

    def status(self, state: str, reason: str | None = None, **more: Any) -> None:
        """Write nothing: the first process does."""

    def write(self, name: str, values: dict[str, Any]) -> None:
        """Write nothing."""


def _numbers(value: Any) -> Any:
    """Return a value with numbers in the place of tensors."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(item) for item in value]
    return value.item() if isinstance(value, torch.Tensor) else value


def reset_peak_memory() -> None:
    """Start a new count of the peak memory, so that runs in one process don't see each other's."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError):  # not Linux: the peak of the whole process is what there is
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int | None:
    """Return the peak memory since the record was made, in bytes: of the GPU if one is used, else of the process.

    On a Mac it is that of the whole process; on Windows, where Python does not know it, None.
    """
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
