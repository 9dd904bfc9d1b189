"""`sweep.json`: what a sweep was asked for, and the folders of its jobs. Imports nothing heavy."""

from pathlib import Path
from typing import Any

from nst.experiment import status
from nst.utils.files import read_json
from nst.utils.files import write as write_file

NAME = "sweep.json"


def read(folder: Path) -> dict[str, Any]:
    """Return what `sweep.json` says of a folder; empty where it holds no sweep."""
    return read_json(folder / NAME)


def write(folder: Path, fields: dict[str, Any]) -> None:
    """Write `sweep.json`, whole or not at all."""
    write_file(folder / NAME, status.json_bytes(fields))


def jobs(folder: Path) -> list[Path]:
    """Return the job folders of a sweep, wherever `hydra.sweep.subdir` puts them, numbers in their order.

    Runs that began before the sweep are none of its jobs, unless their folder is a number.
    """
    began = str(read(folder).get("began") or "")
    numbered = {f for f in folder.iterdir() if f.is_dir() and f.name.isdigit()}
    others = {file.parent for file in folder.rglob(status.NAME)} - {folder}
    own = {job for job in others if _began(status.read(job)) >= began}
    return sorted({f for f in numbered if f not in {o.parent for o in own - numbered}} | own, key=order)


def _began(fields: dict[str, Any]) -> str:
    """When a job began; one that failed before it began has the time of its failure alone."""
    return str(fields.get("began") or fields.get("now") or "")


def order(folder: Path) -> list[tuple[int, int, str]]:
    """Return what folders are sorted by: numbers as numbers."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in folder.parts]
