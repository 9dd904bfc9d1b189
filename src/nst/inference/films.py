"""A film painted by a trained network, frame by frame; what is done outlives the process."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nst.data.film import Film, Frame, to_pixels
from nst.data.film_writing import FilmWriter

Paint = Callable[[Tensor], Tensor]
"""Images (N, 3, H, W) in [0, 1] -> images (N, 3, h, w) in [0, 1]."""


def paint(
    source: Path,
    target: Path,
    picture: Paint,
    *,
    batch: int,
    asked: Mapping[str, Any],
    comment: str,
    progress: Callable[[float], None],
) -> str | None:
    """Paint every frame of a film, and return one line about what could not be read, or None.

    Args:
        source: The film.
        target: The file to write; frames that a killed process painted of the same request are used.
        picture: Paints.
        batch: Frames painted at once.
        asked: What the result depends on, besides the film.
        comment: Says in the file what made it.
        progress: Called with the fraction of the frames that are done.

    Raises:
        ValueError: PyAV is not installed, the source is no video, or the target can't hold it.
    """
    film = Film(source)
    writer = FilmWriter(film, target, asked, comment=comment)
    done = writer.done
    if writer.outdated:
        print(f"the frames in {writer.folder.name} are of other options: they are painted anew")
    elif done:
        print(f"goes on after {done} frames that are done")
    try:
        for frames in _batches(film.frames(), batch, writer):
            pictures = picture(torch.cat([frame.image() for frame in frames]))
            for frame, one in zip(frames, pictures, strict=True):
                writer.add(frame, to_pixels(one[None], deep=film.about.deep))
                done = frame.number + 1
            progress(min(1.0, done / max(film.about.count, done)))
        writer.finish()
    except KeyboardInterrupt:
        print(f"{done} frames of {source.name} are done; the same command goes on with them", file=sys.stderr)
        raise
    finally:
        writer.close()
    return film.damage(f"{target} holds the others")


def _batches(frames: Iterator[Frame], size: int, writer: FilmWriter) -> Iterator[list[Frame]]:
    """Yield the frames that are to be painted, so many at once; those that are done are passed to the writer."""
    batch: list[Frame] = []
    for frame in frames:
        if frame.number < writer.done:
            writer.add(frame, None)
            continue
        batch.append(frame)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
