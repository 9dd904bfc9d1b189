"""Smooth noise over the picture, defined at points so that any resolution sees the same field."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_PERIOD = 64  # lattice cells before the field repeats; pictures use far fewer


@cache
def _gradients(seed: int) -> Floats:
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, (_PERIOD, _PERIOD))
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)


def perlin(x: Floats, y: Floats, *, frequency: float, seed: int) -> Floats:
    """Return gradient noise at points, about in [-1, 1].

    Args:
        x: Abscissae in picture units; any shape.
        y: Ordinates in picture units; the shape of `x`.
        frequency: Lattice cells per picture edge.
        seed: Which of the fields.

    Source: Perlin, "Improving Noise", SIGGRAPH 2002.
    """
    table = _gradients(seed)
    px, py = np.asarray(x, np.float32) * frequency, np.asarray(y, np.float32) * frequency
    cell_x, cell_y = np.floor(px).astype(np.int32), np.floor(py).astype(np.int32)
    fx, fy = px - cell_x, py - cell_y

    def corner(dx: int, dy: int) -> Floats:
        slope = table[(cell_y + dy) % _PERIOD, (cell_x + dx) % _PERIOD]
        return slope[..., 0] * (fx - dx) + slope[..., 1] * (fy - dy)

    ease_x, ease_y = (f * f * f * (f * (f * 6 - 15) + 10) for f in (fx, fy))
    top = corner(0, 0) * (1 - ease_x) + corner(1, 0) * ease_x
    bottom = corner(0, 1) * (1 - ease_x) + corner(1, 1) * ease_x
    return np.asarray(1.5 * (top * (1 - ease_y) + bottom * ease_y), np.float32)


def fbm(x: Floats, y: Floats, *, frequency: float, seed: int, octaves: int = 4) -> Floats:
    """Return fractal noise: octaves of `perlin`, each of half the amplitude and twice the frequency.

    Args:
        x: Abscissae in picture units; any shape.
        y: Ordinates in picture units; the shape of `x`.
        frequency: Lattice cells per picture edge in the lowest octave.
        seed: Which of the fields.
        octaves: How many scales are summed.
    """
    total = np.zeros(np.broadcast(x, y).shape, np.float32)
    for octave in range(octaves):
        total += 0.5**octave * perlin(x, y, frequency=frequency * 2**octave, seed=seed + octave)
    return total


def grid(edge: int) -> tuple[Floats, Floats]:
    """Return the pixel centres of a square picture as two (edge, edge) arrays in picture units.

    Args:
        edge: Side of the picture in pixels.
    """
    centres = ((np.arange(edge) + 0.5) / edge).astype(np.float32)
    x, y = np.meshgrid(centres, centres)
    return x, y


def smoothstep(low: float, high: float, value: Floats) -> Floats:
    """Return the smooth rise from 0 at `low` to 1 at `high`.

    Args:
        low: Where the rise begins; may lie above `high`, and then it is a fall.
        high: Where it ends.
        value: The variable; any shape.
    """
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
