"""A sheet of flat colour: polygons, ribbons and discs in picture units, drawn large and brought down smooth."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from painter.noise import Floats


def spline(points: ArrayLike, count: int) -> Floats:
    """Return `count` points of the Catmull-Rom curve through the given ones, (count, 2).

    Args:
        points: (K, 2), K at least 2.
        count: How many points.
    """
    p = np.asarray(points, np.float64)
    p = np.concatenate([[2 * p[0] - p[1]], p, [2 * p[-1] - p[-2]]])
    at = np.linspace(0, len(p) - 3, count)
    k = np.minimum(at.astype(int), len(p) - 4)
    t = (at - k)[:, None]
    a, b, c, d = (p[k + i] for i in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.asarray(curve, np.float32)


def ribbon(path: Floats, widths: ArrayLike) -> Floats:
    """Return the outline (..., 2K, 2) of a band along a path.

    Args:
        path: (..., K, 2).
        widths: Full width, one number or (..., K).
    """
    tangent = np.gradient(np.asarray(path, np.float64), axis=-2)
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True) + 1e-9
    half = np.broadcast_to(widths, path.shape[:-1])[..., None] / 2
    side = np.stack([-tangent[..., 1], tangent[..., 0]], axis=-1) * half
    return np.concatenate([path + side, (path - side)[..., ::-1, :]], axis=-2).astype(np.float32)


class Sheet:
    """A square sheet that takes opaque flat shapes."""

    def __init__(self, edge: int, ground: Floats, *, over: int = 3) -> None:
        """Lay out the sheet.

        Args:
            edge: Side of the finished picture in pixels.
            ground: (3,) colour of the sheet in [0, 1].
            over: Factor by which it is drawn larger.
        """
        self.edge, self.fine = edge, edge * over
        self.image = Image.new("RGB", (self.fine, self.fine), _ink(ground))
        self._pen = ImageDraw.Draw(self.image)

    def polygon(self, points: ArrayLike, colour: Floats) -> None:
        """Fill a polygon.

        Args:
            points: (K, 2) in picture units.
            colour: (3,) in [0, 1].
        """
        self._pen.polygon([tuple(p) for p in np.asarray(points) * self.fine], fill=_ink(colour))

    def line(self, path: Floats, widths: ArrayLike, colour: Floats) -> None:
        """Draw a line of varying width with round ends.

        Args:
            path: (K, 2) in picture units.
            widths: Full width in picture units, one number or (K,).
            colour: (3,) in [0, 1].
        """
        self.polygon(ribbon(path, widths), colour)
        ends = np.broadcast_to(widths, len(path))
        self.disc(path[0], ends[0] / 2, colour)
        self.disc(path[-1], ends[-1] / 2, colour)

    def disc(self, centre: Sequence[float] | Floats, radius: float, colour: Floats) -> None:
        """Fill a disc.

        Args:
            centre: (x, y) in picture units.
            radius: In picture units.
            colour: (3,) in [0, 1].
        """
        (x, y), r = np.asarray(centre) * self.fine, radius * self.fine
        self._pen.ellipse((x - r, y - r, x + r, y + r), fill=_ink(colour))

    def pixels(self) -> Floats:
        """Return the sheet brought to its edge, (edge, edge, 3) in [0, 1]."""
        small = self.image.resize((self.edge, self.edge), Image.Resampling.BOX)
        return np.asarray(small, np.float32) / 255


def picture(pixels: Floats) -> Image.Image:
    """Return the picture of pixels.

    Args:
        pixels: (H, W, 3), clipped to [0, 1].
    """
    return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def _ink(colour: Floats) -> tuple[int, int, int]:
    red, green, blue = (int(c) for c in np.clip(np.asarray(colour) * 255 + 0.5, 0, 255))
    return red, green, blue
