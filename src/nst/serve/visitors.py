"""What belongs to one visitor: uploads and runs, in a folder of its own, which outlives the server."""

import hashlib
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst.experiment import status
from nst.serve.limits import RefusedError
from nst.utils.files import read_json, write

PAGE = "page.json"
"""What the page knows of a run."""
FILES = re.compile(r"^(final\.png|partial\.png|final_16bit\.tiff|timelapse\.webp|thumbnail\.jpg|first\.jpg|"
                   r"state_\d{5}\.png|cell_\d\.jpg)$")  # fmt: skip
"""Files of a run that are sent."""
PICTURES = ("final.png", "partial.png")
SPARE = 500_000_000
"""Bytes that must be free on the disk for something new."""


@dataclass(frozen=True)
class Visitor:
    """One visitor: a browser, known by a random word in a cookie.

    Attributes:
        folder: The visitor's own. Its name does not give the cookie away.
    """

    folder: Path

    @classmethod
    def of(cls, token: str, root: Path) -> "Visitor":
        """Return the visitor that a cookie names."""
        return cls(root / hashlib.sha256(token.encode()).hexdigest()[:24])

    def new_upload(self, kind: str, name: str) -> Path:
        """Return the file for a new upload.

        Args:
            kind: `picture` or `mask`.
            name: As the visitor's file was called; of it only the ending is used.
        """
        self._check_disk()
        folder = self.folder / f"{kind}s"
        folder.mkdir(parents=True, exist_ok=True)
        ending = re.search(r"\.(?!json)[a-z0-9]{1,5}$", name.lower())
        return folder / f"{_new_name()}{ending[0] if ending else '.upload'}"

    def keep_upload(self, file: Path, about: Mapping[str, Any], kept: int) -> dict[str, Any]:
        """Note what is known of an upload, and delete the oldest beyond `kept`; return the note with its id."""
        note = {"id": file.stem, "file": file.name, **about}
        write(file.with_suffix(".json"), status.json_bytes(note))
        notes = sorted(file.parent.glob("*.json"), key=lambda path: path.stem)
        for old in notes[:-kept]:
            for left in old.parent.glob(f"{old.stem}.*"):
                left.unlink(missing_ok=True)
        return note

    def upload(self, kind: str, name: str) -> Path:
        """Return the file of an upload.

        Raises:
            RefusedError: This visitor has none of that name.
        """
        folder = self.folder / f"{kind}s"
        note = read_json(folder / f"{name}.json") if _is_name(name) else {}
        file = folder / str(note.get("file"))
        if not file.is_file():
            raise RefusedError(f"this {kind} is not there any more; choose it again")
        return file

    def new_run(self, about: Mapping[str, Any], kept: int) -> Path:
        """Make the folder of a new run, note what is asked for, and delete the oldest runs beyond `kept`."""
        self._check_disk()
        folder = self.folder / "runs" / _new_name()
        folder.mkdir(parents=True)
        write(folder / PAGE, status.json_bytes({**about, "made": status.utc(time.time())}))
        for old in sorted(folder.parent.iterdir())[:-kept]:
            if status.read(old).get("state") != "running":
                shutil.rmtree(old, ignore_errors=True)
        return folder

    def run(self, name: str) -> Path:
        """Return the folder of a run.

        Raises:
            RefusedError: This visitor has none of that name.
        """
        folder = self.folder / "runs" / name
        if not _is_name(name) or not (folder / PAGE).is_file():
            raise RefusedError("this picture is not there any more")
        return folder

    def runs(self) -> list[Path]:
        """Return the folders of all runs, the youngest first."""
        folder = self.folder / "runs"
        found = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
        return [one for one in found if (one / PAGE).is_file()]

    def _check_disk(self) -> None:
        folder = self.folder
        while not folder.exists():
            folder = folder.parent
        if shutil.disk_usage(folder).free < SPARE:
            raise RefusedError("the disk of this machine is full; ask who runs it for space")


def describe(folder: Path) -> dict[str, Any]:
    """Return what the page shows of a run: its settings, command, state, files and figures."""
    about, left = read_json(folder / PAGE), status.read(folder)
    names = sorted(file.name for file in folder.iterdir() if FILES.match(file.name))
    metrics = read_json(folder / "metrics.json")
    seconds = metrics.get("seconds")
    return {
        **about,
        "id": folder.name,
        "state": left.get("state", "waiting"),
        "reason": left.get("reason"),
        "picture": next((name for name in PICTURES if name in names), None),
        "states": [name for name in names if name.startswith("state_")],
        "files": names,
        "loss": metrics.get("loss"),
        "seconds": seconds if isinstance(seconds, int | float) else None,
        "warnings": metrics.get("warnings", []),
    }


def _new_name() -> str:
    """A name that sorts by time and can't be guessed."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09d}-{secrets.token_hex(4)}"


def _is_name(name: str) -> bool:
    return re.fullmatch(r"\d{8}-\d{6}-\d{9}-[0-9a-f]{8}", name) is not None
