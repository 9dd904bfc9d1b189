"""What the networks are made of: convolutions reflected at the border, norms that are told of the style, a doubling."""

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor, nn


class Conv(nn.Module):
    """A convolution over maps reflected at their border, which shows no frame.

    Args:
        inside: Channels in.
        outside: Channels out.
        size: Edge of the kernel, odd.
        stride: 1, or 2 to halve.
    """

    def __init__(self, inside: int, outside: int, size: int, *, stride: int = 1) -> None:
        super().__init__()
        self.margin = size // 2
        self.conv = nn.Conv2d(inside, outside, size, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outside, h / stride, w / stride) of x (N, inside, h, w)."""
        out: Tensor = self.conv(F.pad(x, (self.margin,) * 4, mode="reflect"))
        return out


def doubled(x: Tensor) -> Tensor:
    """Repeat every position 2 x 2: (N, C, h, w) -> (N, C, 2 h, 2 w).

    A convolution behind it paints without the checkerboards of a transposed one.

    Source: Odena, Dumoulin & Olah 2016.
    """
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Normed(nn.Module):
    """A convolution and a norm that is told of the style.

    Args:
        conv: The convolution.
        norm: (maps, told) -> maps of the same shape.
    """

    def __init__(self, conv: Conv, norm: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Return the normed maps, before a ReLU."""
        out: Tensor = self.norm(self.conv(x), told)
        return out


def painted(x: Tensor, told: Tensor, blocks: Iterable[nn.Module], up: Iterable[nn.Module], last: nn.Module) -> Tensor:
    """Paint maps of a photograph: the second half of a network.

    Args:
        x: (N, C, h, w).
        told: Of the style, for every norm.
        blocks: Residual blocks, pairs of `Normed`.
        up: `Normed`, each behind a doubling.
        last: To three channels.

    Returns:
        RGB in [0, 1], (N, 3, H, W).
    """
    for block in blocks:
        first, second = block.children()
        x = x + second(first(x, told).relu_(), told)
    for layer in up:
        x = layer(doubled(x), told).relu_()
    out: Tensor = last(x)
    return out.sigmoid()
