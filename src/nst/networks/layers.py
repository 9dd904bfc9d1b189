"""Parts of the networks: convolutions with reflection padding, convolutions with a style-dependent norm, upsampling."""

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor, nn

from nst.utils.deterministic import pad


class Conv(nn.Module):
    """A convolution with reflection padding, which leaves no visible border.

    Args:
        inside: Channels in.
        outside: Channels out.
        size: Edge of the kernel, odd.
        stride: 1, or 2 to halve the resolution.
    """

    def __init__(self, inside: int, outside: int, size: int, *, stride: int = 1) -> None:
        super().__init__()
        self.margin = size // 2
        self.conv = nn.Conv2d(inside, outside, size, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outside, h / stride, w / stride) of x (N, inside, h, w)."""
        out: Tensor = self.conv(pad(x, self.margin, "reflect"))
        return out


def upsample(x: Tensor) -> Tensor:
    """Repeat every position 2 x 2: (N, C, h, w) -> (N, C, 2 h, 2 w).

    Followed by a convolution, it avoids the checkerboard artefacts of transposed convolutions.

    Source: Odena, Dumoulin & Olah 2016.
    """
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def interpolate(x: Tensor) -> Tensor:
    """Double the resolution linearly: (N, C, h, w) -> (N, C, 2 h, 2 w).

    Repeated positions leave blocks of 2 x 2, 4 x 4 and 8 x 8, which a network of few channels does not smooth away.
    """
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class ConvNorm(nn.Module):
    """A convolution followed by a style-dependent norm.

    Args:
        conv: The convolution.
        norm: (maps, style) -> maps of the same shape.
    """

    def __init__(self, conv: Conv, norm: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Return the normalised maps, without a ReLU."""
        out: Tensor = self.norm(self.conv(x), style)
        return out


def decode(x: Tensor, style: Tensor, blocks: Iterable[nn.Module], up: Iterable[nn.Module], last: nn.Module) -> Tensor:
    """Return the picture of encoded maps: the second half of a network.

    Args:
        x: (N, C, h, w).
        style: Second argument of every norm.
        blocks: Residual blocks, pairs of `ConvNorm`.
        up: One `ConvNorm` for each upsampling.
        last: The convolution to three channels.

    Returns:
        RGB in [0, 1], (N, 3, H, W).
    """
    for block in blocks:
        first, second = block.children()
        x = x + second(first(x, style).relu_(), style)
    for layer in up:
        x = layer(upsample(x), style).relu_()
    out: Tensor = last(x)
    return out.sigmoid()
