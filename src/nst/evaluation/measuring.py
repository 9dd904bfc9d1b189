"""The figures of pictures, each in a file of its own, so that an evaluation that was killed goes on where it was."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from hydra import compose, initialize_config_dir
from torch import Tensor

from nst.config import instantiate
from nst.config.search_path import OWN
from nst.config.words import words
from nst.data import image_io, video
from nst.evaluation import films
from nst.evaluation.painting import Entry
from nst.evaluation.study import Study
from nst.experiment.status import json_bytes
from nst.metrics.judge import lpips_missing
from nst.metrics.panel import Panel
from nst.utils.errors import one_line
from nst.utils.files import read_json, sha256, write

IDENTITY, TARGET = "identity", "target"
"""Methods that every table has: the photograph itself, and the painting itself."""
LPIPS = ("alex", "squeeze")
"""Networks of LPIPS, the first that torch hub's cache has."""
VERSION = 1
"""Of the figures: those of another version are measured anew."""


@dataclass(frozen=True)
class Measured:
    """A picture with its figures.

    Attributes:
        entry: The picture.
        figures: Name -> value; empty where there is no picture, or it can't be measured.
        reason: Why not, one line.
    """

    entry: Entry
    figures: dict[str, float] = field(default_factory=dict)
    reason: str = ""


def panel(study: Study) -> Panel:
    """Build what measures, from the study's judges.

    Raises:
        ValueError: A judge's words can't be used.
        OSError: The checkpoint of one can't be had.
    """
    networks = []
    with initialize_config_dir(str(OWN), version_base="1.3"):
        for name, typed in study.judges.items():
            config = compose("train", words({}, typed))
            if not config.judge:
                raise ValueError(f"judges.{name} is {' '.join(typed)}; give a network, such as judge=vgg19")
            networks.append(instantiate.panel_network(config, name))
    return Panel(networks, size=study.size, lpips=lpips_network())


def lpips_network() -> str | None:
    """Return the network of LPIPS that can be had, or None."""
    return next((name for name in LPIPS if lpips_missing(name) is None), None)


def references(study: Study) -> list[Entry]:
    """Return the photograph and the painting as pictures of every pair."""
    pairs = study.chosen()
    identity = [Entry(IDENTITY, "", content, style, content) for content, style in pairs]
    return identity + [Entry(TARGET, "", content, style, style) for content, style in pairs]


def measure(entries: Sequence[Entry], study: Study, folder: Path) -> Iterator[Measured]:
    """Measure pictures one after the other; what was measured before is read from its file.

    Args:
        entries: The pictures.
        study: Networks and size.
        folder: Where the files with the figures lie.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Panel] = []  # built for the first picture that is new
    way = f"{study.key()} {lpips_network()} {VERSION}"
    for entry in entries:
        if entry.picture is None:
            yield Measured(entry, reason=entry.reason)
            continue
        try:
            said = " ".join([way, *map(_sha256, (entry.picture, entry.content, entry.style))])
        except OSError as error:
            yield Measured(entry, reason=one_line(error))
            continue
        file = folder / f"{hashlib.sha256(said.encode()).hexdigest()[:24]}.json"
        if not (found := read_json(file)):
            made = made or [panel(study)]
            try:
                found = _figures(made[0], entry.picture, entry)
            except (OSError, ValueError) as error:  # of this picture: the others are measured
                yield Measured(entry, reason=one_line(error))
                continue
            write(file, json_bytes(found))
        yield Measured(entry, found)


def _figures(panel: Panel, picture: Path, entry: Entry) -> dict[str, float]:
    style = _load(entry.style)
    if video.is_video(entry.content):
        return films.figures(panel, picture, entry.content, style)
    return panel.figures(_load(picture), _load(entry.content), style)


@lru_cache(maxsize=4096)
def _sha256(path: Path) -> str:
    return sha256(path)


@lru_cache(maxsize=16)
def _load(path: Path) -> Tensor:
    return image_io.load(path).rgb
