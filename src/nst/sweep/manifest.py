"""`sweep.json`: what a sweep was asked for, and the folders of its jobs. Imports nothing heavy."""

import json
from pathlib import Path
from typing import Any

from nst.utils.files import write as write_file

NAME = "sweep.json"


def read(folder: Path) -> dict[str, Any]:
    """Return what `sweep.json` says of a folder; empty where it holds no sweep."""
    try:
        fields = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}


def write(folder: Path, fields: dict[str, Any]) -> None:
    """Write `sweep.json`, whole or not at all."""
    write_file(folder / NAME, json.dumps(fields, indent=2, ensure_ascii=False).encode() + b"\n")


def jobs(folder: Path) -> list[Path]:
    """Return the job folders of a sweep, in the order of their numbers."""
    return sorted((f for f in folder.iterdir() if f.is_dir() and f.name.isdigit()), key=lambda f: int(f.name))
