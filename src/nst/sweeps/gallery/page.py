"""`gallery.html`, `gallery.csv` and `gallery.png` of a folder of runs."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from nst.config.invocation import command
from nst.sweeps import manifest
from nst.sweeps.gallery.contact_sheet import sheet
from nst.sweeps.gallery.csv_table import table
from nst.sweeps.gallery.runs import Run, axes, collect
from nst.sweeps.gallery.thumbnails import PREVIEW, Copies, copies, file_uri, small, uri
from nst.utils.files import write

BUDGET = 16_000_000  # bytes of large pictures inside the page; what is over it is read from the run's folder


def make(folder: Path, *, budget: int = BUDGET) -> Path:
    """Make the gallery of the runs in a folder, and return its page.

    Args:
        folder: Of a run, of a sweep, or of many.
        budget: Bytes of large pictures to put inside the page; 0: all large pictures stay in the runs' folders.

    Raises:
        FileNotFoundError: There is no such folder, or no run in it.
    """
    runs = collect(folder)
    write(folder / "gallery.csv", table(runs).encode())
    return write_pages(folder, runs, axes(runs, folder), budget=budget)


def write_pages(
    folder: Path,
    runs: Sequence[Run],
    swept: Sequence[str],
    *,
    budget: int = BUDGET,
    titles: Mapping[str, str] | None = None,
) -> Path:
    """Write `gallery.html` and `gallery.png` of runs, wherever their pictures lie, and return the page.

    Args:
        folder: Where the two go.
        runs: In order.
        swept: The choices in which they differ.
        budget: As for `make`.
        titles: Of figures that are not the judge's, figure -> what a column is called.
    """
    pictures = copies([run.picture for run in runs])
    write(folder / "gallery.png", sheet(runs, [picture.thumbnail for picture in pictures], swept))
    page = folder / "gallery.html"
    write(page, _page(folder, runs, swept, pictures, budget, titles or {}).encode())
    return page


def _page(
    folder: Path,
    runs: Sequence[Run],
    swept: Sequence[str],
    pictures: Sequence[Copies],
    budget: int,
    titles: Mapping[str, str],
) -> str:
    inside = Inside(folder, budget)
    data = {
        "titles": titles,
        "title": folder.resolve().name,
        "axes": list(swept),
        "objective": manifest.read(folder).get("objective"),
        "runs": [_entry(run, picture, inside) for run, picture in zip(runs, pictures, strict=True)],
        "sources": inside.sources,
        "notes": sorted({note for run in runs for note in run.notes}),
    }
    loader = PackageLoader("nst", "assets/gallery")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("gallery.html").render(data=data)


class Inside:
    """The large pictures that the page holds itself, while the budget lasts; a source is held once for all runs."""

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder = folder
        self.left = budget
        self.sources: dict[str, str] = {}
        self.keys: dict[Path, str] = {}

    def large(self, file: Path | None, image: str | None) -> str | None:
        """Return the address of a large picture: its copy, or its file seen from the page."""
        if file is None:
            return None
        if image is not None and len(image) <= self.left:
            self.left -= len(image)
            return image
        return self.link(file)

    def film(self, file: Path | None) -> str | None:
        """Return the address of a time-lapse, likewise."""
        fits = file is not None and file.stat().st_size * 4 / 3 < self.left
        return self.large(file, file_uri(file) if file is not None and fits else None)

    def link(self, file: Path) -> str:
        """Return the file's own address, seen from the page."""
        return quote(Path(os.path.relpath(file, self.folder)).as_posix())

    def source(self, file: Path) -> str:
        """Hold a content or style, and give the key it is held under; they may lie anywhere on this machine."""
        if file not in self.keys:
            self.keys[file] = f"{len(self.keys)}"
            image = small(file, PREVIEW)
            self.sources[self.keys[file]] = "" if image is None else uri(image, quality=85)
        return self.keys[file]


def _entry(run: Run, copies: Copies, inside: Inside) -> dict[str, Any]:
    final, thumbnail = run.picture, copies.thumbnail
    return {
        "name": run.name,
        "state": run.state,
        "reason": run.reason,
        "choices": run.choices,
        "figures": run.figures,
        "command": run.command,
        "recipe": command([f"reproduce={final}"]) if final and final.name == "final.png" else None,
        "thumbnail": None if thumbnail is None else uri(thumbnail, quality=75),
        "size": None if thumbnail is None else thumbnail.size,
        "large": inside.large(final, copies.large),
        "file": None if final is None else inside.link(final),
        "film": inside.film(run.film),
        "sources": [[kind, path.stem, inside.source(path)] for kind, path in run.sources],
        "notes": run.notes,
    }
