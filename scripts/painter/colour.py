"""Palettes: colours by hex code, ramps through them, and the small differences between two brush loads."""

from collections.abc import Sequence

import numpy as np

from painter.noise import Floats


def rgb(code: str) -> Floats:
    """Return the colour of a hex code as (3,) in [0, 1].

    Args:
        code: Six hex digits, such as `1b3a6b`.
    """
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


def ramp(codes: Sequence[str], position: Floats) -> Floats:
    """Return the colours at positions along evenly spaced stops, shape (..., 3).

    Args:
        codes: Hex codes of the stops.
        position: Where along the ramp, 0 the first stop and 1 the last; clipped.
    """
    stops = np.stack([rgb(code) for code in codes])
    where = np.linspace(0, 1, len(codes))
    return np.stack([np.interp(position, where, stops[:, k]) for k in range(3)], axis=-1).astype(np.float32)


def mix(below: Floats, above: Floats, amount: Floats) -> Floats:
    """Return `below` covered by `above` in the given amount.

    Args:
        below: Colours (..., 3).
        above: Colours (..., 3) or one colour (3,).
        amount: Coverage (...,) in [0, 1].
    """
    return np.asarray(below + (above - below) * amount[..., None], np.float32)


def vary(colours: Floats, rng: np.random.Generator, *, light: float, hue: float) -> Floats:
    """Return colours as a painter mixes them anew for each stroke: a little lighter, darker, warmer, cooler.

    Args:
        colours: (N, 3) in [0, 1].
        rng: Source of the differences.
        light: Standard deviation of the change common to the three channels.
        hue: Standard deviation of the change of each channel on its own.
    """
    n = len(colours)
    change = rng.normal(0, light, (n, 1)) + rng.normal(0, hue, (n, 3))
    return np.clip(colours + change, 0, 1).astype(np.float32)
