"""Marbled paper: drops of colour on a bath, drawn out with a stylus and combs.

Source: Lu, Jaffer, Jin, Zhao and Mao, "Mathematical Marbling", IEEE CG&A 2012: every tool is a map of the
plane with an inverse in closed form, so that each pixel is followed back to the drop it came from.
"""

import numpy as np
from PIL import Image

from painter.colour import rgb
from painter.noise import Floats, fbm, grid, perlin, smoothstep
from painter.sheet import picture

_INKS = [
    rgb(code)
    for code in (
        "16326b", "b3202b", "f1e4c6", "1f6f78", "e0a32e", "7a1730", "e9d3a6", "2d4f9c", "d96a3b", "0d1a30", "f6efdc",
        "3f8f7d",
    )
]  # fmt: skip


def _comb(x: Floats, y: Floats, *, pull: float, gap: float, phase: float, sharp: float) -> Floats:
    """Return the ordinates before a comb was drawn along y: the bath follows the teeth and stays between them."""
    near = np.abs((x / gap + phase) % 1 - 0.5) * 2  # 0 midway between two teeth, 1 at a tooth
    return np.asarray(y - pull * near**sharp, np.float32)


def _stylus(x: Floats, y: Floats, *, at: tuple[float, float], reach: float, turn: float) -> tuple[Floats, Floats]:
    """Return the points before a stylus was turned about a place, through `turn` radians at its centre."""
    dx, dy = x - at[0], y - at[1]
    angle = -turn * np.exp(-np.hypot(dx, dy) / reach)
    cos, sin = np.cos(angle), np.sin(angle)
    return at[0] + cos * dx - sin * dy, at[1] + sin * dx + cos * dy


def _bath(x: Floats, y: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the colour (..., 3) of drops let fall one after another, and how near an edge of a drop is."""
    drops = [(*rng.uniform(-0.15, 1.15, 2), rng.uniform(0.06, 0.12), k) for k in range(130)]
    colour = np.broadcast_to(_INKS[0], (*x.shape, 3)).copy()
    rest, edge = np.ones(x.shape, bool), np.zeros(x.shape, np.float32)
    px, py = x.copy(), y.copy()
    for cx, cy, radius, number in drops[::-1]:
        dx, dy = px - np.float32(cx), py - np.float32(cy)
        square = dx * dx + dy * dy
        within = rest & (square < radius**2)
        rings = np.sqrt(square[within]) / radius
        for share, ink in ((1.0, number), (0.66, number * 5 + 2)):
            colour[within] = np.where((rings < share)[:, None], _INKS[ink % len(_INKS)], colour[within])
            edge[within] = np.maximum(edge[within], smoothstep(0.10, 0.0, np.abs(rings - share)))
        rest &= ~within
        shrink = np.sqrt(np.clip(1 - radius**2 / np.maximum(square, 1e-9), 0, 1))
        px, py = np.float32(cx) + dx * shrink, np.float32(cy) + dy * shrink
    return colour, edge


def paint(edge: int) -> Image.Image:
    """Paint the picture.

    Args:
        edge: Side in pixels.
    """
    rng = np.random.default_rng(1650)
    fine = 2 * edge
    x, y = grid(fine)
    px = x + 0.004 * perlin(x, y, frequency=12, seed=2)
    py = y + 0.004 * perlin(x, y, frequency=12, seed=3)
    for cx, cy, turn in (
        (0.25, 0.27, 3.4),
        (0.74, 0.24, -3.2),
        (0.50, 0.52, 3.6),
        (0.24, 0.78, -3.4),
        (0.76, 0.77, 3.3),
    ):
        px, py = _stylus(px, py, at=(cx, cy), reach=0.075, turn=turn)
    px = _comb(py, px, pull=0.035, gap=0.125, phase=0.2, sharp=1.5)
    py = _comb(px, py, pull=0.12, gap=0.056, phase=0.0, sharp=1.3)
    px = _comb(py, px, pull=-0.10, gap=0.26, phase=0.6, sharp=1.6)
    py = _comb(px, py, pull=-0.16, gap=0.17, phase=0.3, sharp=1.4)
    colour, rim = _bath(px.astype(np.float32), py.astype(np.float32), rng)
    grain = fbm(x, y, frequency=50, seed=5, octaves=2)
    speck = smoothstep(0.55, 0.7, perlin(x, y, frequency=63, seed=7) + 0.2 * perlin(px, py, frequency=9, seed=8))
    tone = 1 + 0.03 * grain - 0.16 * rim + 0.05 * perlin(px, py, frequency=30, seed=9)
    pixels = colour * tone[..., None] + 0.07 * speck[..., None]
    return picture(pixels).resize((edge, edge), Image.Resampling.LANCZOS)
