"""A picture as the bands of its Laplacian pyramid: an optimiser then moves wide and fine things at the same pace."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from nst import kernels

BANDS = 4  # measured: 3 and 5 need as many steps, 7 more
SMALLEST = 8  # pixels: no band has a smaller edge


class Laplacian:
    """The bands of pictures of one size, as one vector of values for each channel.

    A pixel's gradient knows little of the wide shapes that it is part of; a coarse band's value has the gradient of all
    the pixels below it. Measured with SqueezeNet's trained features, 256 px: L-BFGS has after 50 evaluations the loss
    that it has on pixels after 150. With random VGG-19 there was no such gain.

    Args:
        size: (height, width), pixels.

    Source: Burt & Adelson 1983; Kolkin, Salavon & Shakhnarovich 2019 (a picture optimised so).

    Differs: areas are averaged on the way down and interpolated linearly on the way up, so odd sizes are exact too.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.sizes = [size]
        while len(self.sizes) < BANDS and min(self.sizes[-1]) >= 2 * SMALLEST:
            height, width = self.sizes[-1]
            self.sizes.append((-(-height // 2), -(-width // 2)))

    def split(self, image: Tensor) -> Tensor:
        """Return the bands of an image (1, 3, H, W), fine to coarse, as (1, 3, n)."""
        out = []
        for size in self.sizes[1:]:
            coarse = F.interpolate(image, size, mode="area")
            out.append((image - _up(coarse, (image.shape[-2], image.shape[-1]))).flatten(2))
            image = coarse
        return torch.cat([*out, image.flatten(2)], dim=2)

    def join(self, values: Tensor) -> Tensor:
        """Return the image, (N, 3, H, W), of bands, (N, 3, n)."""
        return kernels.laplacian_join(values, self.sizes)


def _up(image: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(image, size, mode="bilinear", align_corners=False)


def bounded(image: Tensor) -> Tensor:
    """Clamp to [0, 1]; the gradient is let through but where it would push a value that is beyond a bound further.

    A clamp's own gradient is 0 there and at the bounds: what is white or black would never come back.
    """
    clamped: Tensor = _Bounded.apply(image)
    return clamped


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        clamped = image.clamp(0, 1)
        ctx.save_for_backward(image - clamped)
        return clamped

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (beyond,) = ctx.saved_tensors
        return gradient.masked_fill(beyond * gradient < 0, 0)
