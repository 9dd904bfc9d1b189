"""What the page offers: styles, photographs, backbones, losses and recipes that need no download. No torch."""

import io
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from nst.config.search_path import OWN
from nst.config.styles import pictures
from nst.data import library
from nst.data.download import Download
from nst.data.library import ImageSource

THUMBNAIL = 200
"""Longest edge of a style's thumbnail, pixels."""
PREVIEW = 1024
"""Longest edge of a photograph's copy, pixels: it is compared with its painting, and the brush paints on it."""
WITHOUT_DOWNLOAD = ("small_vgg19", "squeezenet_embedded", "wavelet")
"""Backbones that come with nst."""


@dataclass(frozen=True)
class Offered:
    """One picture that can be chosen by its name.

    Attributes:
        name: The option, `style=NAME` or `content=NAME`.
        title: For people.
        path: Its file.
        known: Whether the networks that come with nst know it by its name.
    """

    name: str
    title: str
    path: Path
    known: bool = False


@cache
def styles() -> dict[str, Offered]:
    """Return the styles that come with nst, and the paintings that have been fetched: name -> picture."""
    return {source.name: found for source in pictures() if (found := _style(source)) is not None}


def _style(source: ImageSource) -> Offered | None:
    if source.asset is not None:
        return Offered(source.name, source.title, library.asset(source.asset), known=True)
    if source.commons is None:
        return None
    title = ", ".join(word for word in (source.title, source.artist, source.year) if word)
    path = library.cached(source.commons, _download())
    return Offered(source.name, title, path) if path.is_file() else None


@cache
def photographs() -> dict[str, Offered]:
    """Return the photographs that come with scikit-image: name -> picture."""
    names = {path.stem: _yaml(path)["sample"] for path in sorted((OWN / "content").glob("*.yaml"))}
    return {name: Offered(name, name.capitalize(), library.sample(sample)) for name, sample in names.items()}


@cache
def losses() -> dict[str, float]:
    """Return loss -> its weight of the content."""
    found = {path.stem: _yaml(path) for path in sorted((OWN / "loss").glob("*.yaml"))}
    weights = {name: fields.get("weights", {}).get("content") for name, fields in found.items()}
    return {name: float(weight) for name, weight in weights.items() if weight}


@cache
def recipes() -> dict[str, tuple[str, float]]:
    """Return the recipes of backbones that need no download: recipe -> what it is, and its weight of the content."""
    out = {}
    for path in sorted((OWN / "experiment").glob("*.yaml")):
        fields, text = _yaml(path), path.read_text(encoding="utf-8")
        chosen = {key.removeprefix("override /"): word for entry in fields["defaults"] if isinstance(entry, dict)
                  for key, word in entry.items()}  # fmt: skip
        content = fields.get("weights", {}).get("content", losses().get(chosen.get("loss", ""), 0.0))
        if chosen.get("backbone") in (*WITHOUT_DOWNLOAD, None) and chosen.get("method", "image") == "image" and content:
            about = re.search(r"^# (?!@)(.+)$", text, re.M)
            out[path.stem] = (about[1] if about else path.stem, float(content))
    return out


@cache
def small(path: Path, edge: int) -> bytes:
    """Return a copy of one of these pictures, of that longest edge at most, as a JPEG."""
    with Image.open(path) as image:
        copy = image.convert("RGB")
    copy.thumbnail((edge, edge))
    out = io.BytesIO()
    copy.save(out, "jpeg", quality=82)
    return out.getvalue()


def _download() -> Download:
    values = _yaml(OWN / "download" / "default.yaml")
    values.pop("_target_")
    return Download(**values)


def _yaml(path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return fields
