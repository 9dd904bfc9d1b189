"""Pointillism: an evening on a river in dots of divided colour."""

import numpy as np
from PIL import Image

from painter.brush import Canvas, Strokes
from painter.colour import mix, ramp, rgb, vary
from painter.flow import scatter
from painter.noise import Floats, fbm, perlin, smoothstep

_SKY = ["5b78c4", "84a3dc", "b6b9dd", "ecc4b4", "fbdc9a", "fdf0bd"]
_TREES = ["14244f", "1d4a5c", "2f7450", "6aa544", "b9cc4e", "f3dc6a"]
_GRASS = ["1f3f66", "2c7355", "6fae45", "b6d050", "f4e27a", "fff2b0"]
_SUN = (0.60, 0.335)
_CROWNS = [(0.07, 0.20, 0.17), (0.20, 0.31, 0.12), (0.02, 0.38, 0.14), (0.93, 0.30, 0.14), (1.02, 0.18, 0.15),
           (0.83, 0.40, 0.075), (0.135, 0.44, 0.085), (0.97, 0.43, 0.09)]  # fmt: skip
_SAILS = [(0.40, 0.565, 0.285), (0.70, 0.50, 0.130), (0.545, 0.475, 0.075)]
_HORIZON = 0.465


def _bank(x: Floats) -> Floats:
    """Return the edge of the near meadow, with the river beyond it."""
    return np.asarray(
        0.90 - 0.30 * smoothstep(0.45, -0.05, x) + 0.015 * np.sin(9 * x) + 0.05 * smoothstep(0.6, 1, x),
        np.float32,
    )


def _scene(x: Floats, y: Floats) -> Floats:
    """Return the colour of all that stands above the water."""
    glow = np.hypot(x - _SUN[0], 1.2 * (y - _SUN[1]))
    cloud = fbm(x, 2.6 * y, frequency=4, seed=2)
    colour = ramp(_SKY, 1.08 * y / _HORIZON - 0.1 + 0.30 * smoothstep(0.35, 0.0, glow) + 0.16 * cloud)
    colour = mix(colour, rgb("f5b7a0"), 0.75 * smoothstep(0.15, 0.55, cloud) * smoothstep(0.5, 0.2, y))
    colour = mix(colour, rgb("fffbe2"), smoothstep(0.055, 0.040, glow))
    hill = 0.425 - 0.030 * np.sin(6 * x + 0.5) - 0.014 * np.sin(15 * x)
    far = ramp(["5a62ae", "6f8cc0", "8fb39b"], (y - hill) / 0.05 + 0.4 * perlin(x, y, frequency=9, seed=3))
    colour = mix(colour, far, (y > hill).astype(np.float32))
    for cx, cy, radius in _CROWNS:
        trunk = (np.abs(x - cx - 0.01 * np.sin(30 * y)) < 0.09 * radius) & (y > cy) & (y < cy + 2.4 * radius)
        colour = mix(colour, rgb("4a2f5a"), trunk.astype(np.float32))
        leaf = fbm(x, y, frequency=11, seed=5, octaves=3)
        r = np.hypot(x - cx, (y - cy) * 0.85) / radius + 0.30 * leaf
        side = (_SUN[0] - cx) * (x - cx) / radius * 1.6 + 0.6 * (cy - y) / radius
        colour = mix(colour, ramp(_TREES, 0.40 + 0.36 * side + 0.42 * leaf), smoothstep(1.0, 0.93, r))
    return colour


def _boat(x: Floats, y: Floats, sail: tuple[float, float, float]) -> tuple[Floats, Floats]:
    """Return the colour (..., 3) of a boat and where it is (...,), 0 or 1."""
    cx, foot, tall = sail
    rise = (foot - y) / tall
    main = (rise > 0.10) & (rise < 1) & (x > cx) & (x < cx + 0.50 * tall * np.clip(1 - rise, 0, 1) ** 0.8 + 0.008)
    jib = (rise > 0.10) & (rise < 0.8) & (x < cx - 0.006) & (x > cx - 0.36 * tall * (0.8 - rise))
    hull = (rise < 0.08) & (rise > -0.05) & (np.abs(x - cx) < 0.42 * tall + 0.8 * rise * tall)
    mast = (np.abs(x - cx) < 0.003) & (rise < 1) & (rise > 0)
    cloth = ramp(["a8324a", "d9523a", "f08c4a", "fff3dc"], (x - cx) / tall * 1.6 + 0.35 + 0.1 * np.sin(40 * rise))
    colour = np.where((hull | mast)[..., None], rgb("35255a"), cloth)
    return colour, (main | jib | hull | mast).astype(np.float32)


def _tone(x: Floats, y: Floats) -> Floats:
    """Return the colour of the motif at points, (..., 3)."""
    depth = np.clip(y - _HORIZON, 0, 1)
    ripple = np.sin(150 * np.maximum(y, 0) ** 1.5 + 5 * perlin(x, 3 * y, frequency=4, seed=7))
    sway = (0.004 + 0.03 * depth) * ripple
    mirrored = _scene(x + sway, np.clip(_HORIZON - 0.85 * depth + 0.004 * ripple, 0.0, 1))
    water = mix(mirrored, ramp(["2a4f9e", "5c8fd0", "9ec4de"], 0.5 + 0.5 * ripple), 0.26 + 0.45 * depth)
    path = np.abs(x - _SUN[0] + 0.03 * ripple) / (0.018 + 0.16 * depth)
    water = mix(water, rgb("ffe08a"), 0.9 * smoothstep(1.1, 0.1, path) * (ripple > -0.25))
    for sail in _SAILS:
        keel = sail[1] + 0.045 * sail[2]
        image, shown = _boat(x + sway, 2 * keel - y, sail)
        water = mix(water, image, 0.7 * shown * (y > keel))
    colour = mix(_scene(x, y), water, (y > _HORIZON).astype(np.float32))
    for sail in _SAILS:
        colour = mix(colour, *_boat(x, y, sail))
    blade = fbm(x, 1.7 * y, frequency=12, seed=9, octaves=3)
    light = 0.52 + 0.42 * blade + 0.28 * np.sin(24 * (y - _bank(x)) + 5 * x) - 0.5 * np.clip(y - 0.86, 0, 1)
    meadow = ramp(_GRASS, light)
    bloom = perlin(x, y, frequency=38, seed=11)
    meadow = mix(
        meadow,
        ramp(["e23d4f", "f7a6bf", "f9f2df"], 0.5 + perlin(x, y, frequency=7, seed=12)),
        smoothstep(0.42, 0.5, bloom),
    )
    return mix(colour, meadow, (y > _bank(x)).astype(np.float32))


def _divide(colours: Floats, rng: np.random.Generator, share: float) -> Floats:
    """Return the colours split: most purer than the mixture, some its complement, so that the eye blends them."""
    grey = colours.mean(1, keepdims=True)
    pure = np.clip(grey + 1.42 * (colours - grey) + rng.normal(0, 0.075, colours.shape), 0, 1)
    opposite = np.clip(grey - 0.75 * (colours - grey) + 0.04 * rng.normal(size=colours.shape), 0, 1)
    return np.where(rng.random((len(colours), 1)) < share, opposite, pure).astype(np.float32)


def _dab(canvas: Canvas, rng: np.random.Generator, *, size: float, gap: float, share: float) -> None:
    starts = scatter(gap, rng)
    x, y = starts.T
    angle = 0.35 * rng.normal(size=len(x)) + np.where((y > _HORIZON) & (y < _bank(x)), 0, rng.uniform(0, 3.14, len(x)))
    half = 0.42 * size * np.stack([np.cos(angle), np.sin(angle)], 1)
    paths = starts[:, None] + half[:, None] * np.linspace(-1, 1, 3)[None, :, None]
    colours = vary(_divide(_tone(x, y), rng, share), rng, light=0.04, hue=0.02)
    widths = (size * rng.uniform(0.75, 1.15, len(x))).astype(np.float32)
    canvas.paint(
        Strokes(
            paths.astype(np.float32),
            widths,
            colours,
            colours * 0.94 + 0.03,
            dryness=0.05,
            body=0.7,
            rounding=0.5,
        ),
        rng,
    )


def paint(edge: int) -> Image.Image:
    """Paint the picture.

    Args:
        edge: Side in pixels.
    """
    rng = np.random.default_rng(1884)
    canvas = Canvas(edge, rgb("e9dcc0"))
    _dab(canvas, rng, size=0.017, gap=0.0095, share=0.06)
    _dab(canvas, rng, size=0.0125, gap=0.0098, share=0.12)
    _dab(canvas, rng, size=0.0100, gap=0.0108, share=0.14)
    return canvas.finish(relief=0.7)
