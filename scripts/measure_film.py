"""Measure how steady a painted film is: `python scripts/measure_film.py film.mp4 painted.mp4 [another.mp4 ...]`.

Prints a row for each painted film, which must have as many frames as the first one. A frame without a partner, as of a
damaged film, ends the measurement.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import nst  # noqa: F401 - before torch: it says how threads wait

# isort: split
from torch import Tensor

from nst.data.film import Film
from nst.metrics import temporal


def images(path: Path, count: int | None) -> Iterator[Tensor]:
    """Yield the frames of a film, up to a number of them."""
    for frame in Film(path).frames():
        if frame.number == count:
            return
        yield frame.image()


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("original", type=Path)
    parser.add_argument("painted", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, help="of the beginning; all")
    parser.add_argument("--every", type=int, default=1, help="one frame in so many is measured")
    asked = parser.parse_args()
    for path in asked.painted:
        found = temporal.figures(images(asked.original, asked.frames), images(path, asked.frames), every=asked.every)
        print(path.name, *(f"{name} {value:.4f}" for name, value in found.items() if value is not None), flush=True)


if __name__ == "__main__":
    main()
