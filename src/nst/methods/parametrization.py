"""A picture as the bands of its Laplacian pyramid: an optimiser then moves wide and fine things at the same pace."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from nst.kernels import compiled

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
        """Return the image of bands; in float32 on a processor by C, whose gradient takes a fifth of torch's time."""
        plain = values.device.type == "cpu" and values.dtype == torch.float32 and len(values) == 1
        if plain and len(self.sizes) > 1 and compiled.library() is not None:
            joined: Tensor = _Joined.apply(values, self.sizes)
            return joined
        *finer, image = _bands(values, self.sizes)
        for band in reversed(finer):
            image = _up(image, (band.shape[-2], band.shape[-1])).add_(band)
        return image


def _up(image: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(image, size, mode="bilinear", align_corners=False)


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        ctx.sizes, ctx.like = sizes, values.shape
        bands = _bands(values.contiguous(), sizes)
        image = bands[-1]
        for band in reversed(bands[:-1]):
            larger = band.new_empty(band.shape)
            maps, lengths = _told(image, band, larger)
            _done(compiled.needed().enlarge(*maps, *lengths, *_lengths(image, band), torch.get_num_threads()))
            image = larger
        return image

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        out = gradient.new_empty(ctx.like)
        bands = _bands(out, ctx.sizes)
        bands[0].copy_(gradient)
        for large, small in pairwise(bands):
            maps, lengths = _told(large, small)
            _done(compiled.needed().enlarge_gradient(*maps, *lengths, *_lengths(small, large), torch.get_num_threads()))
        return out, None


def _bands(values: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Views of the bands, (1, 3, h, w) each."""
    parts = torch.split(values, [height * width for height, width in sizes], dim=2)
    return [part.unflatten(2, size) for part, size in zip(parts, sizes, strict=True)]  # type: ignore[no-untyped-call]


def _told(*maps: Tensor) -> tuple[list[int | None], list[int]]:
    """Where maps lie, and how far from one channel to the next, for C."""
    return [compiled.values(one) for one in maps], [one.stride(1) for one in maps]


def _lengths(small: Tensor, large: Tensor) -> tuple[int, ...]:
    return small.shape[1], *small.shape[-2:], *large.shape[-2:]


def _done(failed: int) -> None:
    if failed:
        raise MemoryError("no memory for a row of the picture")


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
