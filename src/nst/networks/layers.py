"""What the networks are made of: convolutions that reflect at the border, a halving, a doubling."""

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
