"""How far a picture's colours are from the painting's, wherever they stand."""

import numpy as np
from skimage.color import rgb2lab
from torch import Tensor

DIRECTIONS = 32
QUANTILES = 512
PIXELS = 16_384
"""Compared, at most: drawn at random, the same for every picture of a size."""


def color_distance(picture: Tensor, style: Tensor) -> float:
    """Return the distance of two pictures' colours as distributions, in units of CIELAB (about 2 can just be seen).

    `1/K sum_k W1(x theta_k, y theta_k)`: the colours x and y in CIELAB, K = 32 fixed directions theta_k spread evenly
    over half a sphere, and the Wasserstein-1 distance of the projections, the mean distance of their 512 quantiles. It
    is the sliced earth mover's distance of the colour histograms, in the limit of bins of no width.

    Args:
        picture: [0, 1] RGB, (1, 3, H, W).
        style: Likewise, of any size.

    Source: Rubner, Tomasi & Guibas 2000 (earth mover's distance of colours in CIELAB); Rabin, Peyre, Delon &
    Bernot 2011 (sliced).
    """
    x, y = (_quantiles(image) for image in (picture, style))
    return float(np.abs(x - y).mean())


def _quantiles(image: Tensor) -> np.ndarray:
    """(512, K)."""
    pixels = image[0].flatten(1).T.double().cpu().numpy()
    chosen = np.random.default_rng(0).permutation(len(pixels))[:PIXELS]
    colours = rgb2lab(pixels[chosen])
    return np.asarray(np.quantile(colours @ directions().T, (np.arange(QUANTILES) + 0.5) / QUANTILES, axis=0))


def directions() -> np.ndarray:
    """Return K unit vectors, (K, 3), on a Fibonacci spiral over the half of the sphere with a positive first part."""
    index = np.arange(DIRECTIONS)
    lightness = 1 - (index + 0.5) / DIRECTIONS
    angle = index * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - lightness**2)
    return np.stack([lightness, radius * np.cos(angle), radius * np.sin(angle)], axis=1)
