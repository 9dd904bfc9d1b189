"""The residual transformer of Johnson et al. 2016, with a scale and a shift for every style (Dumoulin et al. 2017)."""

from typing import Any

import torch
from torch import Tensor, nn

from nst.networks.instance_norm import Moments, renormed
from nst.networks.layers import Conv, Normed, painted


class StyleNorm(nn.Module):
    """Conditional instance norm: `y = gamma_s (x - mu) / sigma + beta_s`, mu and sigma over the positions of x.

    Args:
        channels: C.
        styles: S; each has a gamma and a beta of its own, (C,).

    Source: Dumoulin, Shlens & Kudlur 2017, equation 5.
    """

    def __init__(self, channels: int, styles: int) -> None:
        super().__init__()
        self.moments = Moments()
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(channels)) for _ in range(styles)])
        self.shifts = nn.ParameterList([nn.Parameter(torch.zeros(channels)) for _ in range(styles)])

    def forward(self, x: Tensor, mix: Tensor) -> Tensor:
        """Return the normed maps, (N, C, h, w), with the styles mixed by `mix`, (N, S)."""
        pair = self.moments(x)
        scale, shift = (mix @ torch.stack(list(rows)) for rows in (self.scales, self.shifts))  # (N, C)
        return renormed(x, pair, shift[..., None, None], scale[..., None, None])

    def add(self) -> None:
        """Add a style that begins as the mean of those that are there."""
        for rows in (self.scales, self.shifts):
            rows.append(nn.Parameter(torch.stack(list(rows)).detach().mean(0)))


class Transformer(nn.Module):
    """A photograph in, a painting out, in one pass.

    A 9 x 9 convolution, two that halve, residual blocks at a quarter of the size, two doublings with convolutions, a
    9 x 9 convolution and a sigmoid.

    Args:
        width: Channels at full size; twice and four times as many below.
        blocks: Residual blocks, of two convolutions.
        styles: Styles, each with norm parameters of its own.

    Attributes:
        stride: Edges must be multiples of it, pixels.
        halo: Pixels round a window that its inside depends on, a multiple of the stride.

    Source: Johnson, Alahi & Fei-Fei 2016 and its supplement; Dumoulin, Shlens & Kudlur 2017.

    Differs: reflection in every block instead of one wide border; nearest doubling instead of transposed convolutions;
    a sigmoid instead of a scaled tanh; `width` 16 by default instead of 32, for processors.
    """

    kind = "transformer"
    stride = 4

    def __init__(self, *, width: int, blocks: int, styles: int) -> None:
        super().__init__()
        if min(width, blocks, styles) < 1:
            raise ValueError(f"network has width {width}, blocks {blocks}, styles {styles}; give 1 or more of each")
        w = width

        def normed(inside: int, outside: int, size: int = 3, stride: int = 1) -> Normed:
            return Normed(Conv(inside, outside, size, stride=stride), StyleNorm(outside, styles))

        self.options: dict[str, Any] = {"width": width, "blocks": blocks}
        self.halo = 20 + 8 * blocks
        self.down = nn.ModuleList([normed(3, w, 9), normed(w, 2 * w, stride=2), normed(2 * w, 4 * w, stride=2)])
        self.blocks = nn.ModuleList(
            [nn.ModuleList([normed(4 * w, 4 * w), normed(4 * w, 4 * w)]) for _ in range(blocks)]
        )
        self.up = nn.ModuleList([normed(4 * w, 2 * w), normed(2 * w, w)])
        self.last = Conv(w, 3, 9)

    @property
    def styles(self) -> int:
        """The number of styles."""
        return len(self.down[0].norm.scales)  # type: ignore[arg-type,union-attr]

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Paint.

        Args:
            image: [0, 1] RGB, (N, 3, H, W), H and W multiples of 4, 8 or more.
            mix: Weights of the styles, (N, S) or (1, S).

        Returns:
            [0, 1] RGB, (N, 3, H, W).
        """
        x = image - 0.5
        for layer in self.down:
            x = layer(x, mix).relu_()
        return painted(x, mix, self.blocks, self.up, self.last)

    def window(self, mix: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
        """Return what the network is told besides the picture, for a window of it: the same mix."""
        return mix

    def add_style(self) -> list[nn.Parameter]:
        """Add a style and return its parameters: nothing else need be trained."""
        norms = [module for module in self.modules() if isinstance(module, StyleNorm)]
        for norm in norms:
            norm.add()
        return [rows[-1] for norm in norms for rows in (norm.scales, norm.shifts)]
