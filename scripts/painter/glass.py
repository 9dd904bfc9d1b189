"""Stained glass: a rose window of leaded panes, lit from behind."""

import numpy as np
from PIL import Image, ImageDraw
from skimage.filters import gaussian

from painter.colour import rgb, vary
from painter.glaze import ring
from painter.noise import Floats, fbm, grid, perlin
from painter.relief import seams, shade
from painter.sheet import picture, spline

_RUBY = [rgb(c) for c in ("a80f1c", "c81f26", "7d0c22", "d9402b")]
_COBALT = [rgb(c) for c in ("0c2f9c", "1646c4", "0a2270", "2a6fe0", "1b56b5")]
_AMBER = [rgb(c) for c in ("f2a31b", "f6c544", "e9821a", "fbe08a")]
_GREEN = [rgb(c) for c in ("0f7a4a", "1c9a63", "0d5a48", "6fb53c")]
_VIOLET = [rgb(c) for c in ("5a1f8f", "7d3bb5", "3f1672", "b0479a")]
_PALE = [rgb(c) for c in ("e9d9a4", "a9d3d6", "efc49a")]


class _Panes:
    """Panes drawn one over another, each with a colour of its own."""

    def __init__(self, edge: int) -> None:
        self.edge = edge
        self.image = Image.new("I", (edge, edge))
        self.pen = ImageDraw.Draw(self.image)
        self.colours = [rgb("0a2270")]

    def add(self, outline: Floats, colour: Floats) -> None:
        self.pen.polygon([tuple(p) for p in np.asarray(outline, np.float64) * self.edge], fill=len(self.colours))
        self.colours.append(colour)


def _polar(radius: Floats | float, angle: Floats | float) -> Floats:
    return np.asarray(np.stack([0.5 + radius * np.cos(angle), 0.5 + radius * np.sin(angle)], -1), np.float32)


def _petal(angle: float, inner: float, outer: float, half: float) -> Floats:
    """Return a pointed petal along a ray, between two radii, `half` radians wide to either side."""
    swell = np.array([0, 0.75, 1.0, 0.8, 0]) * half
    radii = np.array(
        [inner, 0.62 * inner + 0.38 * outer, 0.36 * inner + 0.64 * outer, 0.12 * inner + 0.88 * outer, outer]
    )
    side = spline(_polar(radii, angle + swell), 24)
    return np.concatenate([side, spline(_polar(radii, angle - swell), 24)[::-1]])


def _segment(start: float, end: float, inner: float, outer: float) -> Floats:
    turn = np.linspace(start, end, 16)
    return np.concatenate([_polar(np.full(16, inner), turn), _polar(np.full(16, outer), turn)[::-1]])


def _lattice(panes: _Panes, rng: np.random.Generator) -> None:
    """Fill the spandrels with lozenges in the dark colours."""
    step = 0.052
    for row in range(-1, 40):
        for column in range(-1, 21):
            x, y = (column + 0.5 * (row % 2)) * step, row * step / 1.6
            corners = np.array([[0, -1 / 1.6], [0.5, 0], [0, 1 / 1.6], [-0.5, 0]]) * step + [x, y]
            kind = (_COBALT, _VIOLET, _COBALT, _GREEN, _COBALT)[(row + 2 * column) % 5]
            panes.add(corners, kind[int(rng.integers(len(kind)))])


def _corners(panes: _Panes, rng: np.random.Generator) -> None:
    for sx, sy in ((0.085, 0.085), (0.915, 0.085), (0.085, 0.915), (0.915, 0.915)):
        panes.add(ring((sx, sy), 0.075), _RUBY[0])
        for k in range(8):
            outline = (_petal(k * np.pi / 4, 0.012, 0.070, 0.36) - 0.5) + [sx, sy]
            panes.add(outline, (_AMBER, _PALE)[k % 2][int(rng.integers(3))])
        panes.add(ring((sx, sy), 0.018), _COBALT[3])


def _rose(panes: _Panes, rng: np.random.Generator) -> None:
    """Set the wheel: rims, lobes with flowers, two crowns of petals and the eye."""

    def pick(colours: list[Floats]) -> Floats:
        return colours[int(rng.integers(len(colours)))]

    turn = 2 * np.pi / 16
    for k in range(64):
        panes.add(
            _segment(k * turn / 4, (k + 1) * turn / 4, 0.452, 0.487),
            pick((_AMBER, _RUBY, _PALE, _COBALT)[k % 4]),
        )
    for k in range(32):
        panes.add(_segment(k * turn / 2, (k + 1) * turn / 2, 0.30, 0.452), pick((_COBALT, _VIOLET)[k % 2]))
    for k in range(16):
        middle = _polar(0.383, (k + 0.5) * turn)
        panes.add(ring(middle, 0.066), pick(_RUBY if k % 2 else _GREEN))
        for j in range(6):
            petal = (_petal(j * np.pi / 3 + k, 0.010, 0.058, 0.42) - 0.5) + middle
            panes.add(petal, pick((_AMBER, _PALE, _RUBY)[(j % 2) + (k % 2) * (j % 2)]))
        panes.add(ring(middle, 0.015), pick(_COBALT))
        panes.add(_petal(k * turn, 0.33, 0.45, 0.055), pick(_AMBER))
    for k in range(32):
        panes.add(
            _segment(k * turn / 2, (k + 1) * turn / 2, 0.285, 0.315),
            pick((_PALE, _RUBY, _AMBER, _GREEN)[k % 4]),
        )
    for k in range(32):
        panes.add(
            _segment(k * turn / 2, (k + 1) * turn / 2, 0.10, 0.285),
            pick((_COBALT, _RUBY, _COBALT, _VIOLET)[k % 4]),
        )
    for k in range(16):
        panes.add(_petal(k * turn, 0.12, 0.283, 0.17), pick((_RUBY, _VIOLET)[k % 2]))
        panes.add(_petal(k * turn, 0.15, 0.268, 0.105), pick((_AMBER, _GREEN)[k % 2]))
        panes.add(_petal(k * turn, 0.175, 0.245, 0.05), pick(_PALE))
    for k in range(16):
        panes.add(_segment(k * turn, (k + 1) * turn, 0.105, 0.135), pick((_AMBER, _COBALT)[k % 2]))
    panes.add(ring((0.5, 0.5), 0.105), _COBALT[2])
    for k in range(8):
        panes.add(_petal(k * np.pi / 4, 0.02, 0.102, 0.36), pick((_RUBY, _AMBER)[k % 2]))
    panes.add(ring((0.5, 0.5), 0.030), _PALE[0])


def paint(edge: int) -> Image.Image:
    """Paint the picture.

    Args:
        edge: Side in pixels.
    """
    rng = np.random.default_rng(1260)
    fine = max(2 * edge, 512)  # below this the leads swallow the small panes
    panes = _Panes(fine)
    for build in (_lattice, _corners, _rose):
        build(panes, rng)
    labels = np.asarray(panes.image, np.int32)
    colours = vary(np.stack(panes.colours), rng, light=0.02, hue=0.03)
    lead = seams(labels, max(1, round(0.0026 * fine)))

    x, y = grid(fine)
    n = len(colours)
    shift, ease = rng.uniform(0, 3, (n, 2)).astype(np.float32), rng.normal(0, 1, (n, 2)).astype(np.float32)
    u, v = x + shift[labels, 0], y + shift[labels, 1]
    streak = fbm(u + 0.3 * v, 3.2 * v - u, frequency=9, seed=3, octaves=3)
    sky = 1.06 + 0.30 * perlin(x, y, frequency=2.5, seed=4) - 0.55 * ((x - 0.5) ** 2 + (y - 0.46) ** 2)
    slant = np.sin(5 * (ease[labels, 0] * x + ease[labels, 1] * y) * 3)
    lit = sky + 0.34 * streak + 0.14 * slant
    bubble = np.clip(perlin(u, v, frequency=60, seed=6) - 0.62, 0, 1) * 1.3
    grime = 1 - 0.62 * gaussian(lead.astype(np.float32), 0.0042 * fine)
    pane = colours[labels] ** (1.35 - 0.25 * lit[..., None]) * (lit * grime * 1.02 + bubble)[..., None]
    came = rgb("1a1817") * (1 + 0.5 * perlin(x, y, frequency=40, seed=7))[..., None]
    light = shade(gaussian(lead.astype(np.float32), 0.0012 * fine), strength=2.2)[..., None]
    pixels = np.where(lead[..., None], came * light**3, pane)
    bloom = gaussian(np.where(lead[..., None], 0, pane), 0.010 * fine, channel_axis=-1)
    return picture(pixels + 0.16 * bloom).resize((edge, edge), Image.Resampling.LANCZOS)
