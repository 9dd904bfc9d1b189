"""Sizes and steps of the levels, coarse to fine."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """One level of the pyramid.

    Attributes:
        edge: Of its picture, pixels.
        steps: Optimiser steps.
    """

    edge: int
    steps: int


def single(*, size: int, steps: int) -> list[Level]:
    """Return one level at full size.

    Args:
        size: Edge, pixels.
        steps: Optimiser steps.
    """
    return [Level(_edge(size), _steps(steps))]


def coarse_to_fine(
    *,
    size: int,
    steps: int,
    levels: int | None,
    ratio: float,
    smallest: int = 2,
    first_steps: int | None = None,
    growth: float = 1.0,
) -> list[Level]:
    """Return up to `levels` levels, the last at full size; each has `ratio` times the edge of the one before.

    Args:
        size: Edge of the last level, pixels.
        steps: Optimiser steps of the last level.
        levels: The most, 1 or more; None: as many as `smallest` allows.
        ratio: Edge of a level divided by that of the one before, over 1.
        smallest: Least edge of all levels but the last, pixels, 2 or more.
        first_steps: Steps of the first (coarsest) level; None: as for the others.
        growth: Steps of a level divided by those of the next finer one.
    """
    if levels is not None and levels < 1:
        raise ValueError(f"pyramid.levels is {levels}; give 1 or more")
    if not ratio > 1:
        raise ValueError(f"pyramid.ratio is {ratio:g}; give a number over 1, such as 2 (each level half the next)")
    if not growth > 0:
        raise ValueError(f"pyramid.growth is {growth:g}; give a number over 0")
    if smallest < 2:
        raise ValueError(f"pyramid.smallest is {smallest}; give 2 pixels or more")
    most = 1 + max(0, math.ceil(math.log(max(size, 2) / smallest) / math.log(ratio)))  # deeper ones are too small
    edges = [round(size / ratio**i) for i in range(most if levels is None else min(levels, most))]
    kept = list(dict.fromkeys(edge for i, edge in enumerate(edges) if i == 0 or edge >= smallest))
    coarsest_first = [Level(_edge(edge), _steps(round(steps * growth**i))) for i, edge in enumerate(kept)][::-1]
    if first_steps is not None:
        coarsest_first[0] = Level(coarsest_first[0].edge, _steps(first_steps))
    return coarsest_first


def explicit(*, sizes: list[int], steps: list[int] | int) -> list[Level]:
    """Return levels of the given sizes.

    Args:
        sizes: Edges, pixels, in the order in which they are run.
        steps: Optimiser steps, one number for all levels or one for each.
    """
    each = [steps] * len(sizes) if isinstance(steps, int) else list(steps)
    if not sizes or len(each) != len(sizes):
        raise ValueError(
            f"pyramid.sizes has {len(sizes)} entries and pyramid.steps {len(each)}; give as many of one as of the other"
        )
    return [Level(_edge(size), _steps(n)) for size, n in zip(sizes, each, strict=True)]


def _edge(size: int) -> int:
    if size < 2:
        raise ValueError(f"a level would be {size} pixels; give a larger size= or fewer pyramid.levels=")
    return size


def _steps(steps: int) -> int:
    if steps < 0:
        raise ValueError(f"steps is {steps}; give 0 or more")
    return steps
