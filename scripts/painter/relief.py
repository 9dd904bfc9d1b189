"""Light over the relief of tiles and leads, and the outlines of labelled regions."""

import numpy as np
from numpy.typing import NDArray
from skimage.filters import gaussian

from painter.noise import Floats

Labels = NDArray[np.int32]


def seams(labels: Labels, reach: int) -> NDArray[np.bool_]:
    """Return where a different label lies within `reach` pixels, (H, W).

    Args:
        labels: Region of each pixel, (H, W).
        reach: Half width of the seam in pixels.
    """
    seam = np.zeros(labels.shape, bool)
    diagonal = max(1, round(reach * 0.7))
    for dy, dx in ((reach, 0), (0, reach), (diagonal, diagonal), (diagonal, -diagonal)):
        seam |= (labels != np.roll(labels, (dy, dx), (0, 1))) | (labels != np.roll(labels, (-dy, -dx), (0, 1)))
    return seam


def shade(height: Floats, *, strength: float) -> Floats:
    """Return the light from the upper left on a height field, about 1 on the flat, (H, W).

    Args:
        height: Height, (H, W), in units that do not depend on the resolution.
        strength: How strongly the slopes are lit and shaded.
    """
    smooth = gaussian(height, len(height) / 1400)
    dy, dx = np.gradient(smooth)
    return np.asarray(1 + np.clip((dx + dy) * strength * (len(height) / 2048), -0.5, 0.6), np.float32)
