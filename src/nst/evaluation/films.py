"""What an evaluation makes of a film: figures of a few frames, how much it flickers, and one frame for its pages."""

from collections.abc import Iterator
from itertools import islice, repeat, zip_longest
from pathlib import Path
from statistics import fmean

import numpy as np
from torch import Tensor

from nst.data import image_io, video
from nst.data.film import Film
from nst.data.image_io import fit, size_of
from nst.metrics import temporal
from nst.metrics.panel import Panel
from nst.utils.files import sha256

STILLS = 4
"""Frames that are measured as pictures, at equal distances from the first to the last."""
FOLDER = "stills"
"""Of an evaluation, with the frames that its pages show."""
COMPARED = 200
"""Frames that are compared with earlier ones, about as many: of a long film one in so many."""


def images(path: Path) -> Iterator[Tensor]:
    """Yield the frames of a film, (1, 3, H, W) in [0, 1]."""
    return (frame.image() for frame in Film(path).frames())


def figures(panel: Panel, picture: Path, content: Path, style: Tensor) -> dict[str, float]:
    """Return the panel's figures, on average over a few frames, and how much a painted film flickers.

    Args:
        panel: What measures, and at which size.
        picture: The painted film, or one picture that is compared with every frame.
        content: The film that it is made of.
        style: The painting, (1, 3, H, W) in [0, 1].

    Raises:
        ValueError: The two films have not as many frames, or one can't be read.
    """
    count = len(Film(content).times())
    chosen = {round(at) for at in np.linspace(0, count - 1, STILLS)}
    is_film = video.is_video(picture)
    painted = images(picture) if is_film else repeat(image_io.load(picture).rgb, count)
    stills = []
    for number, (one, frame) in enumerate(zip_longest(painted, images(content))):
        if one is None or frame is None:
            raise ValueError(f"{picture} and {content} have not as many frames; give a film painted frame by frame")
        if number in chosen:
            stills.append(panel.figures(one, frame, style))
    found = {name: fmean(one[name] for one in stills) for name in stills[0]}
    if not is_film:
        return found
    reduced = (image_io.resize(one, fit(size_of(one), panel.size, by="longest")) for one in images(picture))
    every = max(1, count // COMPARED)
    flicker = temporal.figures(images(content), reduced, lpips=panel.lpips, every=every)
    return found | {name: value for name, value in flicker.items() if value is not None}


def shown(file: Path, folder: Path) -> Path:
    """Return what a page shows of a file: the middle frame of a film, kept in `folder`, or the file itself.

    That is so for a film that can't be read, too: pages leave its place empty.
    """
    if not video.is_video(file):
        return file
    target = folder / sha256(file)[:16] / f"{file.stem}.png"
    if not target.is_file():
        try:
            middle = len(Film(file).times()) // 2
            *_, frame = islice(images(file), middle + 1)  # a damaged film may end before
        except ValueError:
            return file
        target.parent.mkdir(parents=True, exist_ok=True)
        image_io.save(frame, target)
    return target
