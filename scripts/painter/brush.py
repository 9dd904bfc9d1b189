"""An oil canvas and its brushes: opaque strokes with bristle marks, thickness, and light across the relief.

Source: Haeberli, "Paint by Numbers", SIGGRAPH 1990; Hertzmann, "Painterly Rendering with Curved Brush
Strokes of Multiple Sizes", SIGGRAPH 1998, and "Fast Paint Texture", NPAR 2002 (the height field).
Differs: the strokes follow fields the picture gives, not the gradient of a photograph.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from skimage.filters import gaussian

from painter.noise import Floats

_SPACING = 0.66  # pixels between samples of a stroke: under 1/sqrt(2) leaves no holes
_GROUP = 96  # strokes painted at once: bounds the memory
_BANK = 48  # bristle patterns; a stroke takes one at random


@dataclass
class Strokes:
    """Strokes of one brush, painted in order.

    Attributes:
        paths: (N, K, 2) points in picture units.
        widths: (N,) in picture units.
        colours: (N, 3) in [0, 1], the load of the brush.
        seconds: (N, 3) in [0, 1], the second colour picked up by part of the bristles.
        dryness: 0 full cover, 1 broken cover over the length.
        rounding: Share of the length over which either end is rounded; 0.5 makes a dab.
        body: Thickness of the paint, 1 for impasto.
    """

    paths: Floats
    widths: Floats
    colours: Floats
    seconds: Floats
    dryness: float = 0.3
    rounding: float = 0.08
    body: float = 1.0


def largest_first(strokes: Strokes) -> Strokes:
    """Return the strokes in order of their area, so that the small ones lie on top.

    Args:
        strokes: Strokes in any order.
    """
    area = np.linalg.norm(np.diff(strokes.paths, axis=1), axis=-1).sum(1) * strokes.widths
    order = np.argsort(-area, kind="stable")
    return replace(
        strokes,
        paths=strokes.paths[order],
        widths=strokes.widths[order],
        colours=strokes.colours[order],
        seconds=strokes.seconds[order],
    )


def _bristles(seed: int, rows: int = 64, columns: int = 24) -> Floats:
    """Return the bank of patterns (B, rows along, columns across), in [0, 1], streaks along the stroke."""
    rough = np.random.default_rng(seed).normal(size=(_BANK, rows, columns))
    streaks = np.stack([gaussian(r, (9, 0.55), mode="wrap") for r in rough])
    streaks += 0.5 * np.stack([gaussian(r, (14, 2.2), mode="wrap") for r in rough[::-1]]) * 3
    order = streaks.reshape(_BANK, -1).argsort(axis=1).argsort(axis=1)
    return (order / (rows * columns)).reshape(rough.shape).astype(np.float32)


class Canvas:
    """A square of wet paint: colour and height, painted at twice the edge asked for."""

    def __init__(self, edge: int, ground: Floats) -> None:
        """Prime the canvas.

        Args:
            edge: Side of the finished picture in pixels.
            ground: (3,) colour of the priming.
        """
        self.edge = edge
        self.fine = 2 * edge
        self.colour = np.broadcast_to(ground, (self.fine * self.fine, 3)).astype(np.float32).copy()
        self.height = np.zeros(self.fine * self.fine, np.float32)
        self._bank = _bristles(7)

    def paint(self, strokes: Strokes, rng: np.random.Generator) -> None:
        """Paint strokes over what is there.

        Args:
            strokes: What to paint; the last one lies on top.
            rng: Chooses the bristle pattern of each stroke.
        """
        patterns = rng.integers(0, _BANK, len(strokes.paths))
        lengths = np.linalg.norm(np.diff(strokes.paths, axis=1), axis=-1).sum(1)
        for first in range(0, len(strokes.paths), _GROUP):
            part = slice(first, first + _GROUP)
            along = max(4, int(np.ceil(lengths[part].max() * self.fine / _SPACING)))
            across = max(3, int(np.ceil(strokes.widths[part].max() * self.fine / _SPACING)))
            self._paint(strokes, part, patterns[part], along, across)

    def _paint(self, strokes: Strokes, part: slice, patterns: Floats, along: int, across: int) -> None:
        u = np.linspace(0, 1, along, dtype=np.float32)
        v = np.linspace(-1, 1, across, dtype=np.float32)
        spine = _resample(strokes.paths[part], u)  # (n, along, 2)
        tangent = np.gradient(spine, axis=1)
        tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True) + 1e-9
        half = (strokes.widths[part] / 2)[:, None, None] * v  # (n, 1, across)
        x = ((spine[..., 0, None] - tangent[..., 1, None] * half) * self.fine).astype(np.int32)
        y = ((spine[..., 1, None] + tangent[..., 0, None] * half) * self.fine).astype(np.int32)

        rows, columns = self._bank.shape[1:]
        ui = (u * (rows - 1)).astype(np.int32)[:, None]
        vi = ((v + 1) / 2 * (columns - 1)).astype(np.int32)
        hair = self._bank[patterns[:, None, None], ui, vi]  # (n, along, across)
        wet = _cover(u[:, None], v, strokes.dryness, strokes.rounding)
        inside = (np.minimum(x, y) >= 0) & (np.maximum(x, y) < self.fine)
        kept = np.flatnonzero((hair + wet > 1) & inside)

        where = (y * self.fine + x).ravel()[kept]
        which, sample = np.divmod(kept, along * across)
        hair_kept = hair.ravel()[kept]
        share = np.clip((hair_kept - 0.45) * 2.4, 0, 1)[:, None]
        first, more = strokes.colours[part], (strokes.seconds - strokes.colours)[part]
        self.colour[where] = first[which] + more[which] * share
        rim = (0.35 * np.abs(v) ** 3 + 0.3 * (1 - u[:, None])).ravel()
        self.height[where] = strokes.body * (0.35 + hair_kept * 0.75 + rim[sample])

    def finish(self, *, relief: float, gloss: float = 0.06) -> Image.Image:
        """Return the picture: light from the upper left over the relief, then brought to its edge.

        Args:
            relief: Strength of the shading; 0 is flat.
            gloss: Strength of the highlights on the ridges.
        """
        height = gaussian(self.height.reshape(self.fine, self.fine), max(0.4, self.fine / 2048 * 0.9))
        dy, dx = np.gradient(height)
        slope = (dx + dy) * (self.fine / 2048) ** 0.5
        shade = np.clip(slope * relief, -0.45, 0.45)[..., None]
        colour = self.colour.reshape(self.fine, self.fine, 3)
        lit = colour * (1 + shade) + gloss * np.clip(shade * 2.2, 0, 1) ** 2
        picture = Image.fromarray((np.clip(lit, 0, 1) * 255 + 0.5).astype(np.uint8))
        return picture.resize((self.edge, self.edge), Image.Resampling.LANCZOS)


def _resample(paths: Floats, u: Floats) -> Floats:
    """Return (n, len(u), 2) points at fractions u of the paths (n, K, 2), linear between the points."""
    at = u * (paths.shape[1] - 1)
    low = np.minimum(at.astype(np.int32), paths.shape[1] - 2)
    part = (at - low)[:, None].astype(np.float32)
    return paths[:, low] * (1 - part) + paths[:, low + 1] * part


def _cover(u: Floats, v: Floats, dryness: float, rounding: float) -> Floats:
    """Return how much paint lies at (along, across): rounded ends, ragged tail, drier rims."""
    end = np.clip(1 - np.minimum(u, 1 - u) / rounding, 0, 1)
    tail = np.clip((u - (1 - 0.5 * dryness - 0.12)) / (0.5 * dryness + 0.12), 0, 1)
    corner = 3 * np.maximum(end**2 + v**2 - 1, 0) + 1.1 * (0.5 - rounding) * np.abs(v) ** 8
    ragged = 0.9 * tail**1.3 * (0.5 + dryness) * (1 - 2 * rounding) + 0.25 * dryness * u
    return np.asarray(1.02 - corner - ragged, np.float32)
