"""What became of a run, in `status.json`, for people, sweeps and galleries; the lock on its folder. No torch."""

import json
import math
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nst.utils.files import read_json
from nst.utils.files import write as write_file

FAILED = float("inf")
"""What a job that failed gives to a sweeper: sweepers minimise, and not-a-number would end them."""
NAME = "status.json"
LOCK = ".lock"
STALE = (
    "events.out.tfevents.*", "*/events.out.tfevents.*", "loggers.json", "metrics.csv", "partial.png", "metrics.json",
    "last.ckpt",
)  # fmt: skip
"""Files of an earlier try that a new start in the same folder must not be mixed with."""
WRITTEN = (
    *STALE,
    NAME,
    "config.yaml",
    "final.png",
    "final_16bit.tiff",
    "film.*",
    "level_*.png",
    "timelapse.*",
    "network.ckpt",
    "gallery.*",
)
"""Files that a run or a sweep writes into its folder."""
STATES = ("last.ckpt", "frames/film.json")
"""Files from which a picture, a training or a film goes on."""


def write(folder: Path, state: str, reason: str | None = None, **more: Any) -> None:
    """Write the status of a run, whole or not at all.

    Args:
        folder: The run's own.
        state: `running`, `finished`, `failed` (an error), `interrupted` (a signal) or `killed` (no time for a word).
        reason: One line.
        more: Further fields.
    """
    fields = {"state": state, "reason": reason, "now": utc(time.time()), "pid": os.getpid(), "host": _host()} | more
    write_file(folder / NAME, json_bytes(fields))


def json_bytes(fields: Mapping[str, Any]) -> bytes:
    """Return JSON as a file's content: numbers that are not finite become null, letters that are no UTF-8 escapes."""
    text = json.dumps(_plain(fields), indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace") + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def read(folder: Path) -> dict[str, Any]:
    """Return the status of a run, with `killed` for a run whose process is gone; empty where there is none."""
    fields = read_json(folder / NAME)
    if not isinstance(fields.get("state"), str):
        return {}
    if fields["state"] == "running" and _gone(folder, fields):
        fields |= {"state": "killed", "reason": "its process is gone and left no word: killed, or out of memory"}
    return fields


def outcome(names: str | Sequence[str], fields: Mapping[str, Any]) -> float | list[float]:
    """Return what a sweeper minimises from a status; infinity for each figure of a job that did not finish.

    Args:
        names: The figure, or several.
        fields: As `read` returns them.
    """
    failed: float | list[float] = FAILED if isinstance(names, str) else [FAILED] * len(names)
    value = fields.get("objective")
    if isinstance(value, list):
        value = [FAILED if one is None else one for one in value]
    return value if fields.get("state") == "finished" and isinstance(value, float | int | list) else failed


def remove_stale(folder: Path) -> None:
    """Delete what an earlier try left in a run folder."""
    for pattern in STALE:
        for file in folder.glob(pattern):
            file.unlink()


def foreign(folder: Path) -> str | None:
    """Return the name of a file in a folder without a run that one would replace; None if there is none."""
    found = (file.name for pattern in WRITTEN for file in folder.glob(pattern))
    return min(found, default=None)


def refuse_written(folder: Path, files: Iterable[Path]) -> None:
    """Raise a ValueError for a file that a run reads and would replace in its own folder."""
    for file in files:
        if file.resolve().parent == folder.resolve() and any(fnmatch(file.name, pattern) for pattern in WRITTEN):
            raise ValueError(f"{file} would be replaced by the run; give another hydra.run.dir=, or move the file")


def how_to_go_on(folder: Path, *, several: bool = False) -> str:
    """Say how a run that was stopped goes on.

    Args:
        folder: The run's own.
        several: Whether several processes worked on it: a picture's keep no state, a network's do.
    """
    kept = any((folder / name).is_file() for name in STATES)
    if several:
        return f"to go on: the same command with base={folder}" if kept else "several processes keep no state of it"
    return f"to go on: resume={folder}" if kept else f"it kept no state; to begin again: resume={folder}"


def _gone(folder: Path, fields: Mapping[str, Any]) -> bool:
    """Return whether a run's process is known to be gone; one on another machine is not known."""
    if fields.get("host") != _host() or not isinstance(fields.get("pid"), int):
        return False
    if os.name == "nt":  # where `os.kill(pid, 0)` would send it Ctrl-C; a run holds the lock on its folder
        return _is_unlocked(folder)
    try:
        os.kill(fields["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:  # there, but somebody else's
        return False
    return False


def _is_unlocked(folder: Path) -> bool:
    try:
        with FileLock(folder / LOCK, timeout=0):
            return True
    except (Timeout, OSError):
        return False


def utc(seconds: float) -> str:
    """Return a time as ISO 8601 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _host() -> str:
    return socket.gethostname()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a run folder for this process; the system unlocks it when the process ends, however that happens.

    Raises:
        BlockingIOError: Another process has locked it.
        OSError: The folder can't be written.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(
            f"another run is at work in {folder}; wait for its end, or give another hydra.run.dir= or hydra.sweep.dir="
        ) from None
    try:
        yield
    finally:
        lock.release()
