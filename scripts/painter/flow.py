"""Direction fields and the curves that follow them: where a stroke goes."""

from collections.abc import Callable, Sequence

import numpy as np

from painter.noise import Floats

Direction = Callable[[Floats, Floats], tuple[Floats, Floats]]


def scatter(spacing: float, rng: np.random.Generator) -> Floats:
    """Return stroke starts (N, 2) that fill the unit square: a jittered grid in random order.

    Args:
        spacing: Distance between neighbours in picture units.
        rng: Source of jitter and order.
    """
    steps = np.arange(-0.04, 1.04, spacing)
    points = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    points = points + rng.uniform(-0.5, 0.5, points.shape) * spacing
    return rng.permutation(points).astype(np.float32)


def trace(starts: Floats, direction: Direction, *, length: Floats, steps: int = 16) -> Floats:
    """Return paths (N, steps + 1, 2) along a direction field, each centred on its start.

    Args:
        starts: (N, 2) in picture units.
        direction: Gives unit vectors at points.
        length: (N,) in picture units.
        steps: Midpoint steps per path, even.

    Source: Cabral and Leedom, "Imaging Vector Fields Using Line Integral Convolution", SIGGRAPH 1993.
    """
    step = (length / steps)[:, None]

    def walk(sign: float) -> list[Floats]:
        at, path = starts, []
        for _ in range(steps // 2):
            half = at + 0.5 * sign * step * np.stack(direction(at[:, 0], at[:, 1]), axis=-1)
            at = at + sign * step * np.stack(direction(half[:, 0], half[:, 1]), axis=-1)
            path.append(at)
        return path

    return np.stack([*walk(-1)[::-1], starts, *walk(1)], axis=1).astype(np.float32)


def unit(dx: Floats, dy: Floats) -> tuple[Floats, Floats]:
    """Return the vectors scaled to length one.

    Args:
        dx: Components along x; any shape.
        dy: Components along y; the shape of `dx`.
    """
    norm = np.sqrt(dx * dx + dy * dy) + 1e-6
    return dx / norm, dy / norm


def swirl(
    x: Floats, y: Floats, centres: Sequence[tuple[float, float, float, float]], *, inward: float
) -> tuple[Floats, Floats, Floats]:
    """Return the sum of vortices at points and how strongly they rule there.

    A vortex of radius R adds `w (−sin θ, cos θ)` with `w = exp(−(r/R)^3)`, turned inward by a small angle
    so that its streamlines are spirals.

    Args:
        x: Abscissae in picture units; any shape.
        y: Ordinates in picture units; the shape of `x`.
        centres: (x, y, R, sense) of each vortex, sense +1 clockwise on the picture, −1 against the clock.
        inward: Angle in radians by which the streamlines close in.
    """
    dx, dy, rule = (np.zeros(np.shape(x), np.float32) for _ in range(3))
    for cx, cy, radius, sense in centres:
        ox, oy = unit(x - cx, y - cy)
        weight = np.exp(-((np.hypot(x - cx, y - cy) / radius) ** 3)).astype(np.float32)
        dx += weight * sense * (-oy * np.cos(inward) - sense * ox * np.sin(inward))
        dy += weight * sense * (ox * np.cos(inward) - sense * oy * np.sin(inward))
        rule += weight
    return dx, dy, np.minimum(rule, 1)
