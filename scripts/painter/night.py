"""Swirling night: a sky of spirals and star halos over hills, in long impasto strokes."""

from functools import cache

import numpy as np
from PIL import Image

from painter.brush import Canvas, Strokes, largest_first
from painter.colour import mix, ramp, rgb, vary
from painter.flow import scatter, swirl, trace, unit
from painter.noise import Floats, fbm, grid, perlin, smoothstep

_SPIRALS = [(0.34, 0.35, 0.215, 1.0), (0.60, 0.45, 0.135, -1.0)]
_MOON = (0.135, 0.14, 0.135)
_BUSHES = [(0.04, 0.845, 0.035), (0.13, 0.865, 0.045), (0.235, 0.85, 0.03), (0.47, 0.855, 0.028), (0.55, 0.87, 0.042),
           (0.64, 0.855, 0.032), (0.715, 0.875, 0.045)]  # fmt: skip
_HOUSES = [
    (0.185, 0.885, 0.045),
    (0.285, 0.878, 0.050),
    (0.345, 0.893, 0.040),
    (0.405, 0.882, 0.045),
    (0.60, 0.905, 0.045),
]
_STARS = [
    (0.33, 0.075, 0.050), (0.50, 0.13, 0.060), (0.675, 0.075, 0.045), (0.635, 0.235, 0.058), (0.075, 0.365, 0.046),
    (0.095, 0.545, 0.072), (0.955, 0.10, 0.060), (0.955, 0.40, 0.055), (0.40, 0.615, 0.034), (0.735, 0.60, 0.050),
    (0.23, 0.115, 0.024), (0.975, 0.60, 0.030),
]  # fmt: skip
_SKY = ["0a1440", "11286b", "1a4393", "2c68b3", "5a97cc", "9cc3d8", "d5dfd0", "f1ebc4"]
_HALO = ["fffbe0", "fff0a0", "f9d64a", "eebb35", "d9cf7c", "a4cbb0", "6fb0cc", "3f83c0"]
_HILLS = ["0e1f4d", "1c3f7d", "2f5f9a", "4d86a8", "7fab9f"]
_FIELDS = ["0c2230", "17404a", "2c6258", "5c8a55", "a8ac55"]
_TREE = ["060d10", "0d1d17", "1a3322", "33492a", "6b6a34"]


def _ridge(x: Floats, hill: int) -> Floats:
    level, swell, phase = ((0.715, 0.040, 0.4), (0.800, 0.030, 2.6), (0.885, 0.014, 4.2))[hill]
    wave = np.sin(5.2 * x + phase) + 0.5 * np.sin(11.3 * x + 2.1 * phase)
    return np.asarray(level - swell * wave, np.float32)


def _cypress(x: Floats, y: Floats) -> Floats:
    """Return how deep a point is inside the tree: 1 on the axis, 0 at the outline, negative outside."""
    outline = -np.ones(np.shape(x), np.float32)
    for top, foot, tip, girth in (
        (0.03, 0.865, 0.835, 0.098),
        (0.33, 0.93, 0.945, 0.060),
        (0.52, 0.79, 0.755, 0.040),
    ):
        rise = np.clip((y - top) / (1 - top), 0, 1)
        axis = tip + (foot - tip) * rise + 0.014 * np.sin(11 * y + 9 * tip) * (1 - 0.5 * rise)
        tongues = 1 + 0.28 * np.sin(30 * y - 70 * np.abs(x - axis) + 40 * tip) * np.minimum(1, 4 * rise)
        half = 0.004 + girth * np.sin(np.minimum(rise * 2.1, 1.75)) ** 0.9 * tongues
        outline = np.where(y > top, np.maximum(outline, 1 - np.abs(x - axis) / half), outline)
    return outline.astype(np.float32)


def _land(x: Floats, y: Floats) -> Floats:
    """Return 0 in the sky and 1, 2, 3 on the hills from far to near."""
    return sum((y > _ridge(x, hill)).astype(np.float32) for hill in range(3))


def _wind(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    halos = [(sx, sy, 1.55 * r, 1.0) for sx, sy, r in [*_STARS, _MOON]]
    sx, sy, rule = swirl(x, y, [*_SPIRALS, *halos], inward=0.10)
    angle = 0.55 * np.sin(7.5 * x - 5 * y + 0.6) + 0.5 * perlin(x, y, frequency=3, seed=3)
    calm = 1 - rule
    return unit(sx + calm * np.cos(angle) * 0.8, sy + calm * np.sin(angle) * 0.8)


def _along(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the direction of the brush everywhere: wind, slope of the hills, flames of the tree."""
    land, tree = _land(x, y), _cypress(x, y)
    dx, dy = _wind(x, y)
    turn = 0.30 * perlin(x, y, frequency=6, seed=12)
    for hill in range(3):
        slope = (_ridge(x + 0.01, hill) - _ridge(x - 0.01, hill)) / 0.02
        gx, gy = unit(np.ones_like(x), slope + turn * (1 + 0.5 * hill))
        dx, dy = np.where(land == hill + 1, gx, dx), np.where(land == hill + 1, gy, dy)
    bx, by, rule = swirl(x, y, [(cx, cy, 1.15 * r, 1.0) for cx, cy, r in _BUSHES], inward=0.2)
    dx, dy = np.where(rule > 0.4, bx, dx), np.where(rule > 0.4, by, dy)
    sway = 0.45 * np.sin(26 * y + 9 * x) + 0.5 * perlin(x, y, frequency=10, seed=21)
    tx, ty = unit(sway, -np.ones_like(x))
    return np.where(tree > 0, tx, dx), np.where(tree > 0, ty, dy)


@cache
def _streaks(edge: int = 160) -> Floats:
    """Return noise smeared along the wind, (edge, edge), about normal: the light and dark currents of the sky."""
    x, y = grid(edge)
    paths = trace(np.stack([x.ravel(), y.ravel()], -1), _wind, length=np.full(edge * edge, 0.34, np.float32), steps=18)
    tone = perlin(paths[..., 0], paths[..., 1], frequency=17, seed=5).mean(1)
    tone += 0.5 * perlin(paths[..., 0], paths[..., 1], frequency=31, seed=6).mean(1)
    return ((tone - tone.mean()) / tone.std()).reshape(edge, edge).astype(np.float32)


def _sky(x: Floats, y: Floats) -> Floats:
    field = _streaks()
    row, column = (np.clip(c * len(field), 0, len(field) - 1).astype(int) for c in (y, x))
    tone = 0.30 + 0.16 * field[row, column] + 0.16 * smoothstep(0.3, 0.75, y)
    for cx, cy, radius, sense in _SPIRALS:
        r = np.hypot(x - cx, y - cy) / radius
        turns = np.sin(2 * np.arctan2(y - cy, x - cx) - sense * 7.5 * np.log(r + 0.12))
        tone += smoothstep(1.25, 0.45, r) * (0.20 + 0.24 * turns + 0.16 * smoothstep(0.45, 0.1, r))
    colour = ramp(_SKY, tone)
    for sx, sy, radius in [*_STARS, _MOON]:
        r = np.hypot(x - sx, y - sy) / radius
        ring = 0.045 * np.sin(13 * r + 20 * sx) + 0.04 * perlin(x, y, frequency=40, seed=9)
        colour = mix(colour, ramp(_HALO, r / 1.55 + ring), smoothstep(1.65, 0.95, r + 2 * ring))
    mx, my, radius = _MOON
    disc = np.hypot(x - mx, y - my) / radius
    bite = np.hypot(x - mx - 0.27 * radius, y - my + 0.07 * radius) / radius
    crescent = smoothstep(0.66, 0.62, disc) * smoothstep(0.45, 0.49, bite)
    colour = mix(colour, rgb("fdf0a8"), smoothstep(0.66, 0.62, disc))
    return mix(colour, rgb("ee8314"), crescent)


def _tone(x: Floats, y: Floats) -> Floats:
    """Return the colour of the motif at points, (..., 3)."""
    land, tree = _land(x, y), _cypress(x, y)
    colour = _sky(x, y)
    mottle = fbm(x, 2.2 * y, frequency=9, seed=31, octaves=3)
    for hill, palette in enumerate((_HILLS, _HILLS, _FIELDS)):
        depth = (y - _ridge(x, hill)) / 0.12
        wave = np.sin(130 * (y - _ridge(x, hill)) + 12 * perlin(x, y, frequency=3, seed=37))
        crest = smoothstep(0.16, 0.0, depth)
        here = ramp(palette, 0.36 + 0.22 * mottle - 0.10 * depth + 0.20 * wave + 0.5 * crest + 0.06 * hill)
        colour = mix(colour, here, (land == hill + 1).astype(np.float32))
    for cx, cy, radius in _BUSHES:
        r = np.hypot(x - cx, (y - cy) * 1.15) / radius
        here = ramp(_FIELDS, 0.30 + 0.25 * np.sin(9 * r + 40 * cx) + 0.35 * (cx - x + cy - y) / radius)
        colour = mix(colour, here, (r < 1).astype(np.float32))
    flame = perlin(5 * x, y, frequency=8, seed=33)
    return mix(colour, ramp(_TREE, 0.42 + 0.62 * flame), (tree > 0).astype(np.float32))


def _layer(canvas: Canvas, rng: np.random.Generator, *, width: float, length: float, gap: float, light: float) -> None:
    starts = scatter(gap, rng)
    x, y = starts.T
    near = np.min([np.hypot(x - sx, y - sy) for sx, sy, _ in [*_STARS, *_BUSHES, _MOON]], axis=0)
    small = 0.3 + 0.7 * smoothstep(0.0, 0.12, near) * np.where((_cypress(x, y) > 0) | (_land(x, y) > 0), 0.7, 1)
    paths = trace(starts, _along, length=(length * small * rng.uniform(0.7, 1.2, len(x))).astype(np.float32))
    colours = vary(_tone(x, y), rng, light=light, hue=0.018)
    seconds = vary(colours, rng, light=light, hue=0.03)
    widths = (width * rng.uniform(0.75, 1.15, len(x)) * np.minimum(1, 0.45 + small)).astype(np.float32)
    canvas.paint(largest_first(Strokes(paths, widths, colours, seconds)), rng)


def _lines(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw the ridges of the hills in dark strokes, as with the tip of the brush."""
    for hill in range(3):
        starts = np.arange(-0.02, 1.0, 0.055)[:, None] + np.linspace(0, 0.075, 12)[None]
        paths = np.stack([starts, _ridge(starts, hill)], axis=-1).astype(np.float32)
        paths = paths[_cypress(*paths[:, 6].T) < 0]
        colours = vary(np.tile(rgb("0a1638"), (len(paths), 1)), rng, light=0.02, hue=0.02)
        canvas.paint(Strokes(paths, np.full(len(paths), 0.0075, np.float32), colours, colours * 1.5), rng)


def _village(canvas: Canvas, rng: np.random.Generator) -> None:
    """Build houses of a few straight strokes each: walls, a roof of two slopes, a lit window; one has a spire."""
    for number, (x, y, size) in enumerate(_HOUSES):
        wall, roof = vary(np.stack([rgb("86a8c8"), rgb(("7a4a3a", "31527f")[number % 2])]), rng, light=0.05, hue=0.03)
        bars = [(-0.42, k, 0.42, k, 0.24, wall * (1 - 0.3 * k)) for k in (-0.05, 0.12, 0.28)]
        bars += [(-0.62, -0.05, 0.05, -0.62, 0.22, roof * 1.2), (0.62, -0.05, -0.05, -0.62, 0.22, roof * 0.6)]
        bars += [(-0.3, -0.13, 0.3, -0.13, 0.22, roof), (-0.12, -0.33, 0.12, -0.33, 0.22, roof)]
        bars += [(-0.10, 0.14, 0.14, 0.14, 0.26, rgb("ffd75a"))]
        if number == 1:
            bars += [(0.66, 0.35, 0.66, -0.8, 0.36, wall * 0.8), (0.50, -0.6, 0.66, -2.4, 0.14, roof * 1.3)]
            bars += [(0.82, -0.6, 0.66, -2.4, 0.14, roof * 0.6), (0.66, -0.6, 0.66, -2.0, 0.16, roof)]
        lines = np.array([bar[:4] for bar in bars]) * size + [x, y, x, y]
        paths = np.linspace(lines[:, :2], lines[:, 2:], 5, axis=1).astype(np.float32)
        widths = np.array([bar[4] * size for bar in bars], np.float32)
        colours = np.array([bar[5] for bar in bars], np.float32)
        canvas.paint(Strokes(paths, widths, colours, vary(colours, rng, light=0.05, hue=0.03), dryness=0.1), rng)


def paint(edge: int) -> Image.Image:
    """Paint the picture.

    Args:
        edge: Side in pixels.
    """
    rng = np.random.default_rng(1889)
    canvas = Canvas(edge, rgb("14306b"))
    _layer(canvas, rng, width=0.034, length=0.12, gap=0.018, light=0.02)
    _layer(canvas, rng, width=0.017, length=0.13, gap=0.0125, light=0.045)
    _layer(canvas, rng, width=0.0105, length=0.105, gap=0.0105, light=0.075)
    _lines(canvas, rng)
    _village(canvas, rng)
    return canvas.finish(relief=1.1)
