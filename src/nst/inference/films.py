"""A film painted by a trained network, frame by frame, without flicker; what is done outlives the process."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nst.data import shots
from nst.data.film import Film, Frame, to_pixels
from nst.data.film_writing import FilmWriter
from nst.inference.steady import Steady
from nst.networks import held_moments, mean_moments
from nst.networks.instance_norm import MeanDeviation

Paint = Callable[[Tensor], Tensor]
"""Images (N, 3, H, W) in [0, 1] -> images (N, 3, h, w) in [0, 1]."""


@dataclass(frozen=True)
class FilmPainter:
    """Paints films.

    Args:
        picture: Paints pictures.
        network: Of `picture`; its moments are held over a shot.
        batch: Frames painted at once.
        steady: Whether moments are held, and strokes move with what they paint; else every frame is painted alone.
    """

    picture: Paint
    network: nn.Module
    batch: int
    steady: bool

    def paint(
        self,
        source: Path,
        target: Path,
        *,
        asked: Mapping[str, Any],
        comment: str,
        progress: Callable[[float], None],
    ) -> str | None:
        """Paint every frame of a film, and return one line about what could not be read, or None.

        Args:
            source: The film.
            target: The file to write; frames that a killed process painted of the same request are used.
            asked: What the result depends on, besides the film.
            comment: Says in the file what made it.
            progress: Called with the fraction of the frames that are done.

        Raises:
            ValueError: An extra is not installed, the source is no video, or the target can't hold it.
        """
        film = Film(source)
        writer = FilmWriter(film, target, asked, comment=comment)
        done = writer.done
        if line := film.remark():
            print(f"warning: {line}")
        if writer.outdated:
            print(f"the frames in {writer.folder.name} are of other options: they are painted anew")
        elif done:
            print(f"goes on after {done} frames that are done")
        try:
            steady = Steady(writer.memory()) if self.steady else None
            for moments, frames in self._batches(film, writer):
                if steady and moments is not None and moments.first == frames[0].number:
                    steady.cut()
                pictures = self._pictures(frames, moments)
                for frame, one in zip(frames, pictures, strict=True):
                    picture = one[None] if steady is None else steady(frame.image(), one[None])
                    writer.add(frame, to_pixels(picture, deep=film.about.deep), steady.memory if steady else None)
                    done = frame.number + 1
                progress(min(1.0, done / max(film.about.count, done)))
            writer.finish()
        except KeyboardInterrupt:
            print(f"{done} frames of {source.name} are done; the same command goes on with them", file=sys.stderr)
            raise
        finally:
            writer.close()
        return film.damage(f"{target} holds the others")

    def _pictures(self, frames: Sequence[Frame], moments: "_Moments | None") -> Tensor:
        """Return what the network paints of each frame alone, (N, 3, h, w)."""
        images = torch.cat([frame.image() for frame in frames])
        with nullcontext() if moments is None else held_moments(self.network, moments.values):
            return self.picture(images)

    def _batches(self, film: Film, writer: FilmWriter) -> Iterator[tuple["_Moments | None", list[Frame]]]:
        """Yield the frames to be painted, so many at once, with their shot's moments; the writer gets the others."""
        found = [self._moments(shot) for shot in shots.shots(film.frames())] if self.steady else []
        batch: list[Frame] = []
        shot: _Moments | None = None
        for frame in film.frames():
            begins = bool(found) and frame.number == found[0].first
            if batch and (begins or len(batch) == self.batch):
                yield shot, batch
                batch = []
            if begins:
                shot = found.pop(0)
            if frame.number < writer.done:
                writer.add(frame, None)
            else:
                batch.append(frame)
        if batch:
            yield shot, batch

    def _moments(self, shot: shots.Shot) -> "_Moments":
        """Return the mean of the moments of the frames that stand for a shot."""
        each = []
        for frame in shot.samples:
            self.picture(frame.image())
            each.append(mean_moments(self.network))
        means = [[torch.stack(values).mean(0) for values in zip(*one, strict=True)] for one in zip(*each, strict=True)]
        return _Moments(shot.first, [(mean, deviation) for mean, deviation in means])


@dataclass(frozen=True)
class _Moments:
    """What the network's instance norms divide out in a shot that begins with the frame `first`."""

    first: int
    values: list[MeanDeviation]
