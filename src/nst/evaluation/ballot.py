"""`vote.html`: two pictures of a pair side by side, names hidden; the votes leave it as CSV. And what votes say."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from nst.evaluation import films
from nst.evaluation.measuring import IDENTITY, TARGET, Measured
from nst.sweeps.gallery.thumbnails import small, uri
from nst.utils.files import write

EDGE = 640
"""Longest edge of a picture in the page, pixels."""
MOST = 400
"""Pictures in the page, at most: of each pair the same methods."""


def write_page(file: Path, measured: Sequence[Measured]) -> None:
    """Write the page. It holds its pictures, so that no name of a file tells a method.

    Args:
        file: The page.
        measured: All pictures; photographs and paintings are shown above the two, and of films the middle frame.
    """
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    for one in measured:
        entry = one.entry
        key = (entry.content.stem, entry.style.stem)
        pair = pairs.setdefault(key, {"name": "_".join(key), "content": entry.content, "style": entry.style, "of": {}})
        if entry.picture is not None and entry.method not in (IDENTITY, TARGET):
            pair["of"][entry.label] = entry.picture
    images: dict[Path, int] = {}

    def place(path: Path) -> int:
        return images.setdefault(path, len(images))

    methods = list(dict.fromkeys(label for pair in pairs.values() for label in pair["of"]))
    kept = methods[: max(2, MOST // max(len(pairs), 1))]
    rows = [
        {
            "name": pair["name"],
            "content": place(pair["content"]),
            "style": place(pair["style"]),
            "of": {label: place(path) for label, path in pair["of"].items() if label in kept},
        }
        for pair in pairs.values()
    ]
    shown = [small(films.shown(path, file.parent / films.FOLDER), EDGE) for path in images]
    data = {"pairs": rows, "images": ["" if image is None else uri(image, quality=85) for image in shown]}
    environment = Environment(
        loader=PackageLoader("nst", "assets/evaluation"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    write(file, environment.get_template("vote.html").render(data=data).encode())
