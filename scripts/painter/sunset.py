"""Undulating sunset: a sky of waving bands over dark whirling water, a bridge running into the picture."""

import numpy as np
from PIL import Image

from painter.brush import Canvas, Strokes, largest_first
from painter.colour import mix, ramp, rgb, vary
from painter.flow import scatter, swirl, trace, unit
from painter.noise import Floats, fbm, perlin, smoothstep

_SKY = ["7c1408", "b3200d", "d6380f", "e85a14", "f2861f", "f5ad33", "f7cf5c", "f3e3a0"]
_GREY = ["8fb0a4", "5f93a8", "3f6f97"]
_WATER = ["060b1c", "0d1f45", "17406f", "2a6a8f", "4f9a95", "9cc0a0", "e0c070"]
_PLANKS = ["2a1410", "54261a", "84482a", "b3763f", "d7a862"]
_EDDIES = [(0.60, 0.63, 0.13, 1.0), (0.83, 0.72, 0.12, -1.0), (0.70, 0.86, 0.11, 1.0), (0.93, 0.90, 0.10, 1.0),
           (0.47, 0.74, 0.08, -1.0)]  # fmt: skip
_SUN = (0.30, 0.335)


def _heave(x: Floats, y: Floats) -> Floats:
    """Return the height function whose level lines are the waving bands of the sky."""
    wave = 0.055 * np.sin(6.0 * x + 2.2 * np.sin(2.4 * y + 1.2) + 0.4) + 0.030 * np.sin(13 * x - 5 * y + 1.0)
    return np.asarray(
        y + wave * (0.5 + 1.3 * y) + 0.045 * fbm(x, 1.6 * y, frequency=2.6, seed=3, octaves=2), np.float32
    )


def _horizon(x: Floats) -> Floats:
    return np.asarray(
        0.475 + 0.022 * np.sin(5 * x + 1) + 0.012 * np.sin(14 * x) - 0.05 * smoothstep(0.7, 1.0, x),
        np.float32,
    )


def _place(x: Floats, y: Floats) -> Floats:
    """Return 0 in the sky, 1 on the water, 2 on the bridge."""
    place = (y > _horizon(x)).astype(np.float32)
    return np.where(y > _deck(x), 2, place).astype(np.float32)


def _deck(x: Floats) -> Floats:
    """Return the upper edge of the deck: from the lower right corner up to the left."""
    return np.asarray(0.515 + 0.80 * x, np.float32)


def _along(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    step = 0.004
    gx = _heave(x + step, y) - _heave(x - step, y)
    gy = _heave(x, y + step) - _heave(x, y - step)
    dx, dy = unit(gy, -gx)
    place = _place(x, y)
    ex, ey, rule = swirl(x, y, _EDDIES, inward=0.18)
    angle = 0.5 * np.sin(9 * x + 8 * y) + 0.5 * perlin(x, y, frequency=4, seed=8)
    wx, wy = unit(ex + (1 - rule) * np.cos(angle), ey + (1 - rule) * np.sin(angle))
    dx, dy = np.where(place == 1, wx, dx), np.where(place == 1, wy, dy)
    bx, by = unit(np.ones_like(x), (y - 0.515) / (x + 0.02) + 0.03 * np.sin(40 * x))
    return np.where(place == 2, bx, dx), np.where(place == 2, by, dy)


def _tone(x: Floats, y: Floats) -> Floats:
    level = _heave(x, y)
    band = np.sin(58 * level + 2.5 * perlin(x, y, frequency=2, seed=5)) + 0.6 * np.sin(131 * level + 6 * x)
    colour = ramp(_SKY, 0.18 + 0.95 * smoothstep(-0.05, 0.62, level) * 0.8 + 0.15 * band)
    cool = smoothstep(0.72, 0.95, np.sin(31 * level + 3.2 * perlin(x, y, frequency=1.6, seed=11) + 0.8))
    colour = mix(colour, ramp(_GREY, 0.5 + 0.5 * band), 0.85 * cool * smoothstep(0.06, 0.25, y))
    glow = np.hypot(x - _SUN[0], 1.3 * (y - _SUN[1]))
    colour = mix(colour, ramp(["fff6c4", "ffe27a", "f9b233"], glow / 0.13), smoothstep(0.15, 0.03, glow))

    place = _place(x, y)
    whirl = np.zeros_like(x)
    for cx, cy, radius, sense in _EDDIES:
        r = np.hypot(x - cx, y - cy) / radius
        whirl += smoothstep(1.2, 0.4, r) * np.sin(np.arctan2(y - cy, x - cx) * 2 - sense * 9 * np.log(r + 0.15))
    stripe = np.sin(70 * (y - _horizon(x)) + 10 * perlin(x, y, frequency=2.5, seed=13))
    depth = (y - _horizon(x)) / 0.5
    water = ramp(_WATER, 0.46 + 0.22 * whirl + 0.16 * stripe - 0.2 * depth + 0.12 * perlin(x, y, frequency=9, seed=14))
    ember = smoothstep(0.6, 1.0, stripe + 0.5 * perlin(x, y, frequency=8, seed=15)) * smoothstep(0.45, 0.0, depth)
    water = mix(water, rgb("e8842a"), 0.85 * ember)
    colour = mix(colour, water, (place == 1).astype(np.float32))

    spoke = (y - 0.515) / (x + 0.05)
    deck = ramp(_PLANKS, 0.45 + 0.28 * np.sin(55 * spoke) + 0.25 * perlin(2 * x, 2 * y, frequency=5, seed=17))
    return mix(colour, deck, (place == 2).astype(np.float32))


def _layer(canvas: Canvas, rng: np.random.Generator, *, width: float, length: float, gap: float, light: float) -> None:
    starts = scatter(gap, rng)
    x, y = starts.T
    small = np.where(_place(x, y) == 0, 1.0, 0.7) * (0.3 + 0.7 * smoothstep(0.0, 0.06, np.abs(y - _horizon(x))))
    paths = trace(starts, _along, length=(length * small * rng.uniform(0.6, 1.3, len(x))).astype(np.float32), steps=20)
    colours = vary(_tone(x, y), rng, light=light, hue=0.022)
    seconds = vary(_tone(x, y + 0.6 * gap), rng, light=1.3 * light, hue=0.035)
    widths = (width * rng.uniform(0.6, 1.2, len(x))).astype(np.float32)
    strokes = Strokes(paths, widths, colours, seconds, dryness=0.55, body=0.8)
    canvas.paint(largest_first(strokes), rng)


def _railing(canvas: Canvas, rng: np.random.Generator) -> None:
    """Lay the rails of the bridge over the water, each a few long strokes that widen towards the viewer."""
    for rise, width, dark, light in ((0.80, 0.050, "1c0d12", "5b2a1c"), (0.56, 0.034, "2a1216", "8a4a26"),
                                     (0.34, 0.040, "3a1814", "b5652c")):  # fmt: skip
        for shift, codes in ((0.35, (dark, dark)), (-0.15, (light, dark)), (-0.32, (light, "e2a04a"))):
            start = np.arange(-0.06, 1.05, 0.09)[:, None] + rng.uniform(-0.03, 0.03, (13, 1))
            x = start + np.linspace(0, 0.19, 10)[None]
            near = 0.25 + 0.75 * np.clip(x, 0, 1)
            y = 0.515 + rise * (x + 0.02) + shift * width * near + 0.004 * np.sin(19 * x + 9 * shift)
            load = [vary(np.tile(rgb(code), (13, 1)), rng, light=0.04, hue=0.03) for code in codes]
            paths = np.stack([x, y], axis=-1).astype(np.float32)
            widths = (0.62 * width * near[:, 5]).astype(np.float32)
            canvas.paint(Strokes(paths, widths, load[0], load[1], dryness=0.5), rng)


def paint(edge: int) -> Image.Image:
    """Paint the picture.

    Args:
        edge: Side in pixels.
    """
    rng = np.random.default_rng(1893)
    canvas = Canvas(edge, rgb("8a3a1a"))
    _layer(canvas, rng, width=0.040, length=0.24, gap=0.030, light=0.02)
    _layer(canvas, rng, width=0.020, length=0.26, gap=0.016, light=0.035)
    _layer(canvas, rng, width=0.011, length=0.20, gap=0.0125, light=0.05)
    _railing(canvas, rng)
    return canvas.finish(relief=0.95)
