"""Studies after photographs: brush strokes, dabs, facets or flat shapes, of widths and colours that a seed draws.

A network of any style learns from them what strokes can be like: nine paintings are too few.

Source: Hertzmann, "Painterly Rendering with Curved Brush Strokes of Multiple Sizes", SIGGRAPH 1998; Haeberli, "Paint
by Numbers", SIGGRAPH 1990. Differs: strokes of all widths go everywhere, along a smoothed structure tensor or vortices.
"""

import numpy as np
from PIL import Image
from skimage.color import rgb2gray
from skimage.feature import structure_tensor
from skimage.filters import gaussian
from skimage.segmentation import slic
from skimage.transform import resize

from painter.brush import Canvas, Strokes, largest_first
from painter.colour import vary
from painter.flow import Direction, scatter, swirl, trace, unit
from painter.noise import Floats, fbm, grid, perlin
from painter.relief import Labels, seams
from painter.sheet import picture

_EDGE = 256  # pixels of the photograph that is looked at


def study(photograph: Floats, *, edge: int, seed: int) -> Image.Image:
    """Paint a study after a photograph.

    Args:
        photograph: (H, W, 3) in [0, 1]; the largest square in its middle is taken.
        edge: Side of the picture in pixels.
        seed: Draws technique, widths, directions and colours.
    """
    rng = np.random.default_rng(seed)
    low = min(photograph.shape[:2])
    top, left = (photograph.shape[0] - low) // 2, (photograph.shape[1] - low) // 2
    motif = resize(photograph[top : top + low, left : left + low], (_EDGE, _EDGE), anti_aliasing=True)
    motif = _coloured(motif.astype(np.float32), rng)
    technique = (_brushed, _brushed, _brushed, _dabbed, _faceted, _flat)[int(rng.integers(6))]
    return technique(motif, edge, rng)


def _coloured(motif: Floats, rng: np.random.Generator) -> Floats:
    """Return the motif simplified, with more contrast and purer colours, as painters choose them."""
    motif = gaussian(motif, rng.uniform(0.5, 4), channel_axis=-1)
    grey = motif.mean(-1, keepdims=True)
    motif = grey + rng.uniform(0.9, 2.2) * (motif - grey)
    motif = motif.mean((0, 1)) + rng.uniform(1.0, 1.7) * (motif - motif.mean((0, 1)))
    return np.clip(motif, 0.02, 0.98).astype(np.float32)


def _at(field: Floats, x: Floats, y: Floats) -> Floats:
    """Return what a field (`_EDGE`, `_EDGE`, ...) holds at points in picture units."""
    row, column = (np.clip(c * _EDGE, 0, _EDGE - 1).astype(int) for c in (y, x))
    return field[row, column]


def _directions(motif: Floats, rng: np.random.Generator) -> Direction:
    """Return where strokes go: along the outlines, about vortices, or aslant, each with some unrest."""
    rr, rc, cc = structure_tensor(rgb2gray(motif), sigma=rng.uniform(2, 10), order="rc")
    outline = 0.5 * np.arctan2(2 * rc, cc - rr) + np.pi / 2
    kind, slant, unrest = int(rng.integers(4)), rng.uniform(0, np.pi), rng.uniform(0, 0.9)
    frequency, field = rng.uniform(1.5, 8), int(rng.integers(1000))
    vortices = [(*rng.uniform(0, 1, 2), rng.uniform(0.08, 0.3), rng.choice([-1.0, 1.0])) for _ in range(9)]

    def direction(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        angle = (_at(outline, x, y) if kind < 2 else slant) + unrest * perlin(x, y, frequency=frequency, seed=field)
        dx, dy = np.cos(angle), np.sin(angle)
        if kind in (1, 2):
            vx, vy, rule = swirl(x, y, vortices, inward=0.1)
            dx, dy = unit(vx + (1 - rule) * dx, vy + (1 - rule) * dy)
        return np.asarray(dx, np.float32), np.asarray(dy, np.float32)

    return direction


def _brushed(motif: Floats, edge: int, rng: np.random.Generator) -> Image.Image:
    """Lay strokes of two or three widths over one another."""
    direction = _directions(motif, rng)
    canvas = Canvas(edge, motif.mean((0, 1)) * rng.uniform(0.4, 1.2))
    width, slim = np.exp(rng.uniform(np.log(0.014), np.log(0.06))), rng.uniform(2, 9)
    light, hue, dryness = rng.uniform(0.02, 0.09), rng.uniform(0.01, 0.06), rng.uniform(0.1, 0.6)
    body, rounding = rng.uniform(0.3, 1.2), rng.uniform(0.05, 0.4)
    for _ in range(int(rng.integers(2, 4))):
        starts = scatter(max(0.7 * width, 0.009), rng)
        x, y = starts.T
        length = width * slim * rng.uniform(0.6, 1.3, len(x))
        colours = vary(_at(motif, x, y), rng, light=light, hue=hue)
        strokes = Strokes(
            trace(starts, direction, length=length.astype(np.float32)),
            (width * rng.uniform(0.7, 1.2, len(x))).astype(np.float32),
            colours,
            vary(colours, rng, light=light, hue=hue),
            dryness,
            rounding,
            body,
        )
        canvas.paint(largest_first(strokes), rng)
        width *= rng.uniform(0.45, 0.7)
    return canvas.finish(relief=rng.uniform(0, 1.3))


def _dabbed(motif: Floats, edge: int, rng: np.random.Generator) -> Image.Image:
    """Set dabs of divided colour, or short bricks of one direction."""
    canvas = Canvas(edge, np.full(3, rng.uniform(0.05, 0.95), np.float32))
    size, spread, slant = np.exp(rng.uniform(np.log(0.01), np.log(0.03))), rng.uniform(0, 1.5), rng.uniform(0, np.pi)
    long, strength, share = rng.uniform(0.3, 1.2), rng.uniform(1.0, 1.6), rng.uniform(0, 0.15)
    for _ in range(2):
        starts = scatter(0.75 * size, rng)
        x, y = starts.T
        angle = slant + spread * rng.normal(size=len(x))
        half = long * size * np.stack([np.cos(angle), np.sin(angle)], 1)
        paths = (starts[:, None] + half[:, None] * np.linspace(-1, 1, 3)[None, :, None]).astype(np.float32)
        colours = _at(motif, x, y)
        grey = colours.mean(1, keepdims=True)
        towards = np.where(rng.random((len(x), 1)) < share, -0.8, strength)
        colours = vary(grey + towards * (colours - grey), rng, light=0.05, hue=0.05)
        widths = (size * rng.uniform(0.75, 1.15, len(x))).astype(np.float32)
        canvas.paint(Strokes(paths, widths, colours, colours * 0.94 + 0.03, 0.05, 0.5, 0.7), rng)
    return canvas.finish(relief=rng.uniform(0, 1))


def _regions(motif: Floats, edge: int, rng: np.random.Generator) -> tuple[Labels, Floats]:
    """Return regions (2 edge, 2 edge) that follow the motif, numbered from 0, and their colours (N, 3)."""
    count, compact = int(np.exp(rng.uniform(np.log(40), np.log(700)))), np.exp(rng.uniform(np.log(1), np.log(40)))
    small = slic(motif, n_segments=count, compactness=compact, start_label=0)
    colours = np.stack([motif[small == k].mean(0) for k in range(small.max() + 1)])
    x, y = grid(2 * edge)
    wander, pace = rng.uniform(0, 0.012), rng.uniform(4, 16)
    u, v = (c + wander * perlin(x, y, frequency=pace, seed=k) for k, c in ((61, x), (62, y)))
    return _at(small, u, v).astype(np.int32), vary(colours, rng, light=0.05, hue=0.04)


def _faceted(motif: Floats, edge: int, rng: np.random.Generator) -> Image.Image:
    """Fill facets with a light that runs across each of them, as cubists did."""
    labels, colours = _regions(motif, edge, rng)
    slope = rng.normal(0, rng.uniform(1, 8), (len(colours), 2)).astype(np.float32)
    x, y = grid(2 * edge)
    size = np.maximum(np.bincount(labels.ravel(), minlength=len(colours)), 1)
    run = np.zeros_like(x)
    for k, c in enumerate((x, y)):
        middle = np.bincount(labels.ravel(), c.ravel(), len(colours)) / size
        run += slope[labels, k] * (c - middle[labels]).astype(np.float32)
    grain = rng.uniform(0, 0.15) * fbm(x, 3 * y, frequency=rng.uniform(8, 40), seed=71)
    return _outlined(colours[labels] * (1 + np.clip(run, -0.6, 0.6) + grain)[..., None], labels, rng)


def _flat(motif: Floats, edge: int, rng: np.random.Generator) -> Image.Image:
    """Cut the motif from flat paper, or print it."""
    labels, colours = _regions(motif, edge, rng)
    x, y = grid(2 * edge)
    grain = rng.uniform(0, 0.1) * fbm(x, y, frequency=rng.uniform(20, 90), seed=73)
    return _outlined(colours[labels] * (1 + grain)[..., None], labels, rng)


def _outlined(pixels: Floats, labels: Labels, rng: np.random.Generator) -> Image.Image:
    edge = len(pixels) // 2
    if rng.random() < 0.6:
        line = seams(labels, max(1, round(rng.uniform(0.0005, 0.003) * len(pixels))))
        pixels = np.where(line[..., None], rng.uniform(0, 0.25, 3) if rng.random() < 0.8 else 0.92, pixels)
    return picture(pixels).resize((edge, edge), Image.Resampling.LANCZOS)
