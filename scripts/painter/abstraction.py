"""Geometric abstraction: clouds of colour, circles, wedges, arcs, grids and whips in a whirling crowd."""

import numpy as np
from PIL import Image

from painter.brush import Canvas, Strokes
from painter.colour import ramp, rgb, vary
from painter.flow import scatter, swirl, trace, unit
from painter.glaze import draw, glaze, ring
from painter.noise import Floats, fbm, perlin
from painter.sheet import spline

_BRIGHT = [
    rgb(code)
    for code in (
        "d7261e", "f2b705", "1d4fa3", "f6e7b0", "2a8c82", "e9701a", "6a2c91", "f3d25b", "0f2d6b", "e58fa0", "7fb8d6",
        "a61c3c", "3f9b4b", "f9f0dc", "c9a227", "4b6fb8",
    )
]  # fmt: skip
_DARK = [rgb(code) for code in ("14121c", "1a1f3d", "3a1420", "0d2b33")]
_CLOUDS = [
    "f4e6bd",
    "e9c46a",
    "d9542b",
    "f1ddc0",
    "5d8fc0",
    "f3e9d2",
    "e8a13c",
    "2f5c8f",
    "efd9c4",
    "b53a3a",
    "f2e2b4",
]
_HEART = (0.44, 0.47)


def _drift(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the pull of the composition: a whirl about the heart within a rising diagonal."""
    dx, dy, rule = swirl(x, y, [(*_HEART, 0.36, 1.0), (0.80, 0.24, 0.18, -1.0), (0.16, 0.80, 0.18, -1.0)], inward=0.25)
    angle = -0.8 + 1.1 * perlin(x, y, frequency=2.6, seed=2)
    return unit(dx + (1 - rule) * np.cos(angle), dy + (1 - rule) * np.sin(angle))


def _heading(spot: Floats, rng: np.random.Generator, spread: float) -> float:
    dx, dy = _drift(spot[:1], spot[1:])
    return float(np.arctan2(dy[0], dx[0]) + rng.normal(0, spread))


def _spot(rng: np.random.Generator) -> Floats:
    """Return a place, denser towards the heart."""
    wide, close = rng.uniform(0, 1, 2), rng.normal(_HEART, 0.17)
    return np.asarray(wide if rng.random() < 0.62 else np.clip(close, 0, 1), np.float32)


def _pick(rng: np.random.Generator) -> Floats:
    return _BRIGHT[int(rng.integers(len(_BRIGHT)))]


def _ground(canvas: Canvas, rng: np.random.Generator) -> None:
    for width, length, gap in ((0.06, 0.16, 0.030), (0.026, 0.10, 0.019)):
        starts = scatter(gap, rng)
        x, y = starts.T
        tone = 0.5 + 0.55 * fbm(x, y, frequency=3.2, seed=8, octaves=3) + 0.25 * perlin(x, y, frequency=1.5, seed=4)
        colours = vary(ramp(_CLOUDS, tone), rng, light=0.03, hue=0.03)
        paths = trace(starts, _drift, length=np.full(len(x), length, np.float32))
        widths = np.full(len(x), width, np.float32)
        canvas.paint(Strokes(paths, widths, colours, vary(colours, rng, light=0.05, hue=0.05), 0.5, 0.6), rng)


def _blob(canvas: Canvas, rng: np.random.Generator, size: float) -> None:
    spot = _spot(rng)
    heading = _heading(spot, rng, 0.4)
    t = np.linspace(0, 2 * np.pi, 9)[:-1]
    radii = size * rng.uniform(0.55, 1.25, 8)
    along, aside = radii * np.cos(t), 0.55 * radii * np.sin(t)
    knots = (
        np.stack(
            [
                np.cos(heading) * along - np.sin(heading) * aside,
                np.sin(heading) * along + np.cos(heading) * aside,
            ],
            1,
        )
        + spot
    )
    outline = spline(np.concatenate([knots, knots[:2]]), 90)[:81]
    turn = heading + rng.uniform(-2, 2)
    glaze(
        canvas,
        outline,
        _pick(rng),
        _pick(rng),
        cover=rng.uniform(0.85, 1),
        fade=rng.uniform(0.1, 1),
        heading=turn,
    )
    if rng.random() < 0.4:
        first = int(rng.integers(0, 50))
        draw(canvas, outline[first : first + 30], 0.0045 * np.sin(np.linspace(0, np.pi, 30)) + 0.001, _DARK[0])


def _wedge(canvas: Canvas, rng: np.random.Generator) -> None:
    spot = _spot(rng)
    heading = _heading(spot, rng, 0.5)
    length, width = rng.uniform(0.10, 0.32), rng.uniform(0.02, 0.07)
    tip = spot + length * np.array([np.cos(heading), np.sin(heading)])
    side = width * np.array([-np.sin(heading), np.cos(heading)])
    outline = np.stack([spot + side, tip, spot - side])
    glaze(canvas, outline, _pick(rng), _pick(rng), cover=0.9, fade=rng.uniform(0, 0.7), heading=heading)
    draw(canvas, np.linspace(spot + side, tip, 12), 0.003, _DARK[1])


def _circle(canvas: Canvas, rng: np.random.Generator) -> None:
    spot, radius = _spot(rng), rng.uniform(0.015, 0.06)
    tilt = rng.uniform(0, 3)
    for share in (1.9, 1.0, 0.68, 0.36):
        cover, fade = (0.45, 0.9) if share > 1 else (0.95, 0.25)
        outline = ring(spot, share * radius, squash=0.88, tilt=tilt)
        glaze(canvas, outline, _pick(rng), _pick(rng), cover=cover, fade=fade, heading=tilt + share)
    rim = ring(spot, radius, squash=0.88, tilt=tilt)[: int(rng.integers(40, 72))]
    draw(canvas, rim, 0.0045, _DARK[int(rng.integers(4))])


def _arc(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw a family of arcs about one centre, like a rainbow or a bow."""
    spot, radius = _spot(rng), rng.uniform(0.05, 0.17)
    start, sweep = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 2.6)
    t = np.linspace(start, start + sweep, 40)
    for k in range(int(rng.integers(2, 6))):
        path = spot + (radius + 0.016 * k) * np.stack([np.cos(t), np.sin(t)], 1)
        taper = np.sin(np.linspace(0.15, np.pi - 0.15, 40))
        wide = rng.random() < 0.5
        draw(canvas, path, (0.013 if wide else 0.0045) * taper, _pick(rng) if wide else _DARK[k % 4])


def _bars(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw a bundle of nearly parallel lines, or a small chequered field across them."""
    spot = _spot(rng)
    heading = _heading(spot, rng, 0.7)
    along, aside = np.array([np.cos(heading), np.sin(heading)]), np.array([-np.sin(heading), np.cos(heading)])
    length, gap, count = rng.uniform(0.06, 0.2), rng.uniform(0.009, 0.018), int(rng.integers(3, 8))
    if rng.random() < 0.45:
        for row in range(count):
            for column in range(4):
                corner = spot + 1.5 * gap * (row * along + column * aside)
                cell = corner + 1.5 * gap * np.array([0 * along, along, along + aside, aside])
                shade = _pick(rng) if (row + column) % 2 else _DARK[1]
                glaze(canvas, cell, shade, shade, cover=0.85, fade=0.3, heading=heading)
        return
    for k in range(count):
        path = np.linspace(spot + k * gap * aside, spot + k * gap * aside * 0.6 + length * along, 12)
        draw(canvas, path, rng.uniform(0.002, 0.006), _DARK[k % 4])


def _whip(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw one dark calligraphic line that swells and thins as it wanders."""
    spot = _spot(rng)
    heading = _heading(spot, rng, 0.6)
    bend = np.cumsum(rng.normal(0, 0.55, 7))
    steps = np.stack([np.cos(heading + bend), np.sin(heading + bend)], 1) * rng.uniform(0.02, 0.05)
    path = spline(spot + np.cumsum(steps, axis=0), 60)
    swell = np.abs(np.sin(np.linspace(0.1, rng.uniform(3, 6), 60)))
    draw(canvas, path, 0.0012 + rng.uniform(0.003, 0.008) * swell, _DARK[int(rng.integers(4))])


def paint(edge: int) -> Image.Image:
    """Paint the picture.

    Args:
        edge: Side in pixels.
    """
    rng = np.random.default_rng(1913)
    canvas = Canvas(edge, rgb("efdcb2"))
    _ground(canvas, rng)
    for size, count in ((0.17, 34), (0.09, 70), (0.045, 110)):
        for _ in range(count):
            _blob(canvas, rng, size)
    motifs = [_wedge] * 26 + [_circle] * 20 + [_arc] * 24 + [_bars] * 26 + [_whip] * 70
    for index in rng.permutation(len(motifs)):
        motifs[index](canvas, rng)
    return canvas.finish(relief=0.9)
