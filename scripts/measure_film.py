"""Measure how steady a painted film is: `python scripts/measure_film.py film.mp4 painted.mp4 [another.mp4 ...]`.

Prints a row for each painted film, which must have as many frames as the first one. A frame without a partner, as of a
damaged film, ends the measurement.
"""

import argparse
from itertools import islice
from pathlib import Path

import nst  # noqa: F401 - before torch: it says how threads wait

# isort: split
from nst.evaluation.films import images
from nst.metrics import temporal


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("original", type=Path)
    parser.add_argument("painted", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, help="of the beginning; all")
    parser.add_argument("--every", type=int, default=1, help="one frame in so many is measured")
    asked = parser.parse_args()
    for path in asked.painted:
        both = (islice(images(file), asked.frames) for file in (asked.original, path))
        found = temporal.figures(*both, every=asked.every)
        print(path.name, *(f"{name} {value:.4f}" for name, value in found.items() if value is not None), flush=True)


if __name__ == "__main__":
    main()
