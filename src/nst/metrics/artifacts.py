"""What a computed picture has that neither the photograph nor the painting has: bars, grain or blur, a rim, copies.

Each measure looks at the luma alone. `excess` says how far a picture's measure lies outside of those of its sources, so
that a photograph of a fence or a pointillist's dots are no artefacts; photograph and painting have none by definition.
"""

import numpy as np
from scipy.ndimage import gaussian_filter
from torch import Tensor

from nst.data.color import LUMA

SMALLEST = 32
"""The shorter edge that a picture must have, pixels."""
ROUNDING = 1 / (12 * 255**2)
"""Variance that rounding to 8 bits adds: a spectrum below it is that of the file, not of the picture."""


def screen_door(picture: Tensor) -> float:
    """Return how much stronger bars of two pixels are along the axes than along the diagonals, log2.

    `log2(mean_a P / mean_d P)` with the power spectrum P of the luma under a Hann window, over the frequencies of 0.42
    to 0.5 cycles a pixel within 12 degrees of an axis (a) and of a diagonal (d); the power of rounding to 8 bits is
    added to P. Zero for noise; strided convolutions and pooling leave more.

    Args:
        picture: [0, 1] RGB, (1, 3, H, W).

    Source: Odena, Dumoulin & Olah 2016 (Deconvolution and Checkerboard Artifacts) for the artefact; ours the measure.
    """
    power, radius, angle = _spectrum(picture)
    ring = (radius > 0.42) & (radius <= 0.5)
    along = power[ring & ((angle < 12) | (angle > 78))].mean()
    across = power[ring & (angle > 33) & (angle < 57)].mean()
    return float(np.log2(along / across))


def high_frequencies(picture: Tensor) -> float:
    """Return the share of the luma's power over 0.25 cycles a pixel, log2: grain raises it, blur lowers it.

    The power is that of `screen_door`.

    Args:
        picture: [0, 1] RGB, (1, 3, H, W).
    """
    power, radius, _ = _spectrum(picture)
    return float(np.log2(power[radius > 0.25].sum() / power.sum()))


def border(picture: Tensor) -> float:
    """Return how much more happens at the border than in the middle, log2 of a ratio of squared gradients.

    The border is a ring of a 24th of the shorter edge, 2 pixels or more; gradients are differences of neighbouring
    lumas. Padding leaves a frame of lines (more) or of flat colour (less).

    Args:
        picture: [0, 1] RGB, (1, 3, H, W).
    """
    luma = _luma(picture)
    squares = np.zeros_like(luma)
    squares[:, 1:] += np.diff(luma, axis=1) ** 2
    squares[1:] += np.diff(luma, axis=0) ** 2
    ring = np.ones(luma.shape, bool)
    width = max(2, min(luma.shape) // 24)
    ring[width:-width, width:-width] = False
    return float(np.log2((squares[ring].mean() + 1e-6) / (squares[~ring].mean() + 1e-6)))


def repetition(picture: Tensor) -> float:
    """Return the highest peak of the luma's autocorrelation away from the middle, in [0, 1].

    `max_d r(d) / r(0)` with the autocorrelation r of the luma less its blur (sigma: a 16th of the shorter edge), over
    the shifts d from an eighth of the shorter edge to half of it, along an axis or between; r(d) is divided by
    the number of pairs of pixels that it sums. A motif that is stamped again and again gives a peak.

    Args:
        picture: [0, 1] RGB, (1, 3, H, W).

    Source: Lin, Hays, Wu, Kwatra & Liu 2004 (autocorrelation of near-regular textures) for the idea.
    """
    luma = _luma(picture)
    edge = min(luma.shape)
    detail = luma - gaussian_filter(luma, edge / 16, mode="reflect")
    shape = [2 * length for length in luma.shape]  # zeros behind: no shift wraps round
    sums = np.fft.irfft2(np.abs(np.fft.rfft2(detail, shape)) ** 2, shape)
    pairs = np.fft.irfft2(np.abs(np.fft.rfft2(np.ones_like(luma), shape)) ** 2, shape)
    y, x = (np.abs(np.fft.fftfreq(length, 1 / length)) for length in shape)
    far = np.hypot(*np.meshgrid(y, x, indexing="ij"))
    seen = (far >= edge / 8) & (far <= edge / 2)
    return float(max(0.0, (sums[seen] / pairs[seen]).max() / (detail.var() + ROUNDING)))


def excess(picture: float, content: float, style: float) -> float:
    """Return how far a measure of the picture lies outside of what lies between those of its sources, 0 or more."""
    low, high = sorted((content, style))
    return max(0.0, low - picture, picture - high)


MEASURES = {"grid": screen_door, "grain": high_frequencies, "rim": border, "repetition": repetition}
"""Name of a figure -> its measure."""


def _luma(picture: Tensor) -> np.ndarray:
    return np.asarray(np.tensordot(LUMA, picture[0].double().cpu().numpy(), 1))


def _spectrum(picture: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Power, radius in cycles a pixel, angle from the x axis in degrees, 0 to 90."""
    luma = _luma(picture)
    height, width = luma.shape
    window = np.hanning(height)[:, None] * np.hanning(width)[None]
    power = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2 + ROUNDING * (window**2).sum()
    y, x = np.abs(np.fft.fftfreq(height))[:, None], np.abs(np.fft.fftfreq(width))[None]
    return power, np.hypot(y, x), np.degrees(np.arctan2(y, x))
