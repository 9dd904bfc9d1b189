"""Translucent paint on an oil canvas: shapes of two colours whose cover varies, and drawn lines."""

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from painter.brush import Canvas
from painter.noise import Floats, fbm, smoothstep
from painter.sheet import ribbon


def glaze(
    canvas: Canvas,
    outline: ArrayLike,
    first: Floats,
    second: Floats,
    *,
    cover: float,
    fade: float,
    heading: float,
) -> None:
    """Lay a translucent shape whose colour and cover change along a direction, with the drag of the brush in it.

    Args:
        canvas: Where to paint.
        outline: (K, 2) polygon in picture units.
        first: (3,) colour where the shape begins.
        second: (3,) colour where it ends.
        cover: Greatest opacity in [0, 1].
        fade: Share of the cover lost towards the end, in [0, 1].
        heading: Direction of the change in radians.
    """
    points = np.asarray(outline, np.float64) * canvas.fine
    left, top = (int(max(0, np.floor(low))) for low in points.min(0))
    right, bottom = (int(min(canvas.fine, np.ceil(high) + 1)) for high in points.max(0))
    if right <= left or bottom <= top:
        return
    stencil = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(stencil).polygon([(x - left, y - top) for x, y in points], fill=255)
    mask = np.asarray(stencil, np.float32) / 255

    x, y = np.meshgrid(*(np.arange(a, b, dtype=np.float32) / canvas.fine for a, b in ((left, right), (top, bottom))))
    along = np.cos(heading) * x + np.sin(heading) * y
    aside = np.cos(heading) * y - np.sin(heading) * x
    ends = points / canvas.fine @ [np.cos(heading), np.sin(heading)]
    part = np.clip((along - ends.min()) / (np.ptp(ends) + 1e-6), 0, 1)
    drag = 0.7 * fbm(0.14 * along, 1.9 * aside, frequency=46, seed=41, octaves=2) + 0.35 * fbm(
        x, y, frequency=24, seed=43, octaves=2
    )
    part = np.clip(part + 0.22 * drag, 0, 1)
    alpha = mask * cover * (1 - fade * smoothstep(0.15, 1.0, part)) * np.clip(1 + 0.40 * drag, 0, 1.15)
    alpha = np.clip(alpha, 0, 1)[..., None]

    block = np.s_[top:bottom, left:right]
    colour = canvas.colour.reshape(canvas.fine, canvas.fine, 3)[block]
    colour += (first + (second - first) * part[..., None] + 0.065 * drag[..., None] - colour) * alpha
    height = canvas.height.reshape(canvas.fine, canvas.fine)[block]
    height += (0.55 + 0.9 * drag - 0.6 * height) * alpha[..., 0]


def draw(canvas: Canvas, path: Floats, widths: ArrayLike, colour: Floats, *, cover: float = 0.95) -> None:
    """Draw a line of varying width.

    Args:
        canvas: Where to draw.
        path: (K, 2) in picture units.
        widths: Full width in picture units, one number or (K,).
        colour: (3,) in [0, 1].
        cover: Opacity in [0, 1].
    """
    heading = float(np.arctan2(*(path[-1] - path[0])[::-1]))
    glaze(canvas, ribbon(path, widths), colour, colour, cover=cover, fade=0.15, heading=heading)


def ring(centre: ArrayLike, radius: float, *, squash: float = 1.0, tilt: float = 0.0) -> Floats:
    """Return the outline of an ellipse, (72, 2).

    Args:
        centre: (x, y) in picture units.
        radius: Greater half axis in picture units.
        squash: Smaller over greater axis.
        tilt: Angle of the greater axis in radians.
    """
    t = np.linspace(0, 2 * np.pi, 72)
    along, aside = radius * np.cos(t), radius * squash * np.sin(t)
    turned = np.stack([np.cos(tilt) * along - np.sin(tilt) * aside, np.sin(tilt) * along + np.cos(tilt) * aside], 1)
    return np.asarray(turned + np.asarray(centre), np.float32)
