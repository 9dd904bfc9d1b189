"""Hatching: folds of cloth and three globes in crossed pencil strokes that follow the form."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw
from skimage.filters import gaussian

from painter.flow import scatter, trace, unit
from painter.noise import Floats, fbm, grid, perlin
from painter.sheet import picture, ribbon

_GLOBES = [(0.36, 0.43, 0.205), (0.685, 0.575, 0.150), (0.445, 0.745, 0.095)]
_RASTER = 320  # edge of the raster on which the form is lit
_PAPER, _LEAD = np.float32([0.955, 0.935, 0.890]), np.float32([0.13, 0.125, 0.14])


def _height(x: Floats, y: Floats) -> Floats:
    """Return the form: folds of cloth, warped ridges, and the globes on it."""
    wx = x + 0.11 * perlin(x, y, frequency=2.2, seed=1)
    wy = y + 0.11 * perlin(x, y, frequency=2.2, seed=2)
    ridge = 1 - np.abs(perlin(wx + 0.7 * wy, 0.45 * wy - 0.2 * wx, frequency=4.2, seed=3))
    fold = 0.075 * ridge**1.3 + 0.035 * fbm(wx, wy, frequency=3, seed=6, octaves=2)
    for cx, cy, radius in _GLOBES:
        dome = radius**2 - (x - cx) ** 2 - (y - cy) ** 2
        fold = np.where(dome > 0, 0.16 + np.sqrt(np.maximum(dome, 0)), fold)
    return np.asarray(fold, np.float32)


@cache
def _form() -> tuple[Floats, Floats, Floats]:
    """Return darkness in [0, 1] and the slope along x and y, each (_RASTER, _RASTER)."""
    x, y = grid(_RASTER)
    height = gaussian(_height(x, y), 1.0)
    gy, gx = np.gradient(height * _RASTER)
    light = (0.50 * gx + 0.56 * gy + 0.66) / np.sqrt(1 + gx**2 + gy**2)
    cast = np.zeros_like(x)
    for cx, cy, radius in _GLOBES:
        u, v = x - cx - 0.75 * radius, y - cy - 0.80 * radius
        along, aside = (u + v) / np.sqrt(2), (v - u) / np.sqrt(2)
        inside = np.hypot(x - cx, y - cy) < radius
        cast = np.maximum(cast, np.where(inside, 0, np.exp(-((np.hypot(along / 1.25, aside) / (0.8 * radius)) ** 4))))
    hollow = np.clip((gaussian(height, 14) - height) * 5, 0, 0.5)
    dark = 0.86 - 0.92 * np.clip(light, 0, 1) + 0.6 * hollow
    return tuple(np.asarray(a, np.float32) for a in (np.clip(np.maximum(dark, 0.66 * cast), 0, 1), gx, gy))


def _look(field: Floats, x: Floats, y: Floats) -> Floats:
    row, column = (np.clip(c * _RASTER, 0, _RASTER - 1).astype(int) for c in (y, x))
    return field[row, column]


def _strokes(rng: np.random.Generator, *, turn: float, follow: float, threshold: float, gap: float) -> Floats:
    """Return pencil strokes (N, 17, 2) where the form is darker than the threshold.

    Args:
        rng: Source of the hand's unsteadiness.
        turn: Direction on the flat in radians.
        follow: Share by which the strokes bend round the form, in [0, 1].
        threshold: Darkness above which the layer is drawn.
        gap: Distance between strokes in picture units.
    """
    _, gx, gy = _form()

    def direction(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        sx, sy = _look(gx, x, y), _look(gy, x, y)
        across_x, across_y = unit(-sy, sx)
        steep = follow * np.clip(np.hypot(sx, sy) * 1.2, 0, 1)
        cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        sign = np.sign(across_x * cos + across_y * sin) + 1e-3
        return unit(cos * (1 - steep) + sign * across_x * steep, sin * (1 - steep) + sign * across_y * steep)

    starts = scatter(gap, rng)
    dark = _look(_form()[0], *starts.T) + rng.normal(0, 0.05, len(starts))
    starts = starts[dark > threshold]
    length = rng.uniform(0.045, 0.100, len(starts)) * (0.6 + 0.7 * _look(_form()[0], *starts.T))
    return trace(starts, direction, length=length.astype(np.float32))


def _shade(paths: Floats, rng: np.random.Generator, *, fine: int, width: float, press: float) -> Floats:
    """Return the graphite (fine, fine) in [0, 1] of one layer of strokes."""
    layer = Image.new("L", (fine, fine))
    pen = ImageDraw.Draw(layer)
    taper = width * (0.35 + 0.65 * np.sin(np.linspace(0.25, np.pi - 0.1, paths.shape[1])))
    forces = rng.normal(press, 0.13, len(paths))
    outlines = ribbon(paths, taper * (0.7 + 0.6 * forces[:, None])) * fine
    for outline, force in zip(outlines.reshape(len(paths), -1).tolist(), forces, strict=True):
        pen.polygon(outline, fill=int(255 * np.clip(force, 0.15, 0.95)))
    return np.asarray(layer, np.float32) / 255


def paint(edge: int) -> Image.Image:
    """Paint the picture.

    Args:
        edge: Side in pixels.
    """
    rng = np.random.default_rng(1504)
    fine = 2 * edge
    x, y = grid(fine)
    tooth = fbm(x, y, frequency=210, seed=21, octaves=2)
    bright = np.ones((fine, fine), np.float32)
    for turn, follow, threshold, gap, press in (
        (-0.75, 0.85, 0.02, 0.0145, 0.42), (0.80, 0.75, 0.20, 0.0140, 0.50), (0.05, 0.65, 0.36, 0.0135, 0.55),
        (1.50, 0.45, 0.50, 0.0130, 0.62), (-0.35, 0.85, 0.62, 0.0125, 0.74),
    ):  # fmt: skip
        paths = _strokes(rng, turn=turn, follow=follow, threshold=threshold, gap=gap)
        bright *= 1 - 0.88 * _shade(paths, rng, fine=fine, width=0.0024, press=press)
    rims = np.zeros((0, 17, 2), np.float32)
    for cx, cy, radius in _GLOBES:
        for start in rng.uniform(0, 2 * np.pi, 46):
            t = start + np.linspace(0, rng.uniform(0.3, 0.8), 17)
            rim = np.stack([np.cos(t), np.sin(t)], 1) * radius * rng.normal(1, 0.006) + [cx, cy]
            rims = np.concatenate([rims, rim[None].astype(np.float32)])
    bright *= 1 - 0.9 * _shade(rims, rng, fine=fine, width=0.0026, press=0.6)
    lead = (1 - bright) * np.clip(0.95 + 0.20 * tooth, 0.25, 1.1)
    paper = _PAPER * (1 + 0.016 * tooth)[..., None]
    return picture(paper + (_LEAD - paper) * np.clip(lead, 0, 1)[..., None]).resize(
        (edge, edge), Image.Resampling.LANCZOS
    )
