"""Pictures of one colour, and the noise by which losses that are relative to a picture measure them."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.data import image_io

FLAT = 4 / 255
"""Contrast (standard deviation) below which a picture has too little structure for losses that are relative to it.

A flat style is seen with noise of this contrast.
"""
CONTRAST = 0.2
"""Contrast of an ordinary photograph, by which a flat content is measured: noise of it gives the losses' divisors."""


def flatness(image: Tensor, alpha: Tensor | None) -> float:
    """Return 1 for an image of one colour, down to 0 for one with a contrast of `FLAT` in what is visible."""
    weights = torch.ones_like(image[:, :1]) if alpha is None else alpha
    mean = (image * weights).sum((-2, -1), keepdim=True) / weights.sum()
    variance = float(((image - mean).square() * weights).sum((-2, -1)).max() / weights.sum())
    return max(0.0, 1 - math.sqrt(variance) / FLAT)


def with_grain(image: Tensor, deviation: float) -> Tensor:
    """Return an image with noise of a standard deviation."""
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=image.dtype)
    return image + deviation * noise.to(image.device)


def with_clouds(image: Tensor, deviation: float) -> Tensor:
    """Return an image with noise of a standard deviation, as much in every octave, as photographs have it."""
    generator = torch.Generator().manual_seed(0)
    height, width = image_io.size_of(image)
    clouds = torch.zeros_like(image, device="cpu")
    for octave in range(int(math.log2(min(height, width))) + 1):
        size = (max(1, height >> octave), max(1, width >> octave))
        noise = torch.randn(*image.shape[:2], *size, generator=generator, dtype=image.dtype)
        clouds += F.interpolate(noise, (height, width), mode="bicubic")
    return image + deviation * (clouds / clouds.std()).to(image.device)
