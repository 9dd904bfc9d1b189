"""The shots of a film: where it is cut, and frames that stand for each of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from nst.data.film import Frame

STEP = 4  # of the pixels that are looked at
BINS = 8  # of each channel of the histogram
COLOURS = 0.2  # fraction of the pixels that change their bin at a cut, at least
CHANGE = 0.1  # mean difference of the same places at a cut, of [0, 1], at least
PLACES = 16  # on each side
SAMPLES = 4  # frames that stand for a shot; up to twice as many


@dataclass
class Shot:
    """Frames without a cut.

    Attributes:
        first: Number of its first frame.
        samples: Frames at equal distances that stand for it, up to twice `SAMPLES`.
    """

    first: int
    samples: list[Frame] = field(default_factory=list)
    every: int = 1

    def add(self, frame: Frame) -> None:
        """Take a frame as a sample if it is due; where there are too many, every other one is kept."""
        if (frame.number - self.first) % self.every:
            return
        self.samples.append(frame)
        if len(self.samples) > 2 * SAMPLES:
            self.samples, self.every = self.samples[::2], 2 * self.every


class Cuts:
    """Tells for each frame of a film whether it follows a cut.

    A cut changes both the colours of all pixels, whatever their place, and the mean colour of every place. Motion
    changes little of the first.
    """

    def __init__(self) -> None:
        self.before: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(self, frame: Frame) -> bool:
        """Return whether a cut lies between this frame and the last one that was given; False for the first."""
        before, self.before = self.before, _seen(frame.pixels)
        if before is None:
            return False
        colours, places = (np.abs(a - b) for a, b in zip(before, self.before, strict=True))
        return bool(colours.sum() / 2 > COLOURS and places.mean() > CHANGE)


def _seen(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the histogram of the colours, and the mean colours of 16 x 16 places."""
    small = pixels[::STEP, ::STEP].astype(np.float32) / np.iinfo(pixels.dtype).max
    bins = np.minimum(small * BINS, BINS - 1).astype(np.int64) @ np.array([BINS * BINS, BINS, 1])
    histogram = np.bincount(bins.ravel(), minlength=BINS**3) / bins.size
    rows, columns = (np.linspace(0, length, PLACES, endpoint=False).astype(int) for length in small.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(small, np.unique(rows), 0), np.unique(columns), 1)
    counts = np.add.reduceat(np.add.reduceat(np.ones_like(small), np.unique(rows), 0), np.unique(columns), 1)
    return histogram, sums / counts


def shots(frames: Iterable[Frame]) -> Iterator[Shot]:
    """Yield the shots of a film, each when its last frame has been read."""
    cut, shot = Cuts(), None
    for frame in frames:
        if shot is None or cut(frame):
            if shot is not None:
                yield shot
            else:
                cut(frame)
            shot = Shot(frame.number)
        shot.add(frame)
    if shot is not None:
        yield shot
