"""The residual network of Johnson et al. 2016, with a scale and a shift for every style (Dumoulin et al. 2017)."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.networks.instance_norm import Moments, renormalise
from nst.networks.layers import Conv, ConvNorm, decode


class StyleNorm(nn.Module):
    """Conditional instance norm: `y = gamma_s (x - mu) / sigma + beta_s`, mu and sigma over the positions of x.

    Args:
        channels: C.
        styles: S; each style s has its own gamma and beta, (C,).

    Source: Dumoulin, Shlens & Kudlur 2017, equation 5.
    """

    def __init__(self, channels: int, styles: int) -> None:
        super().__init__()
        self.moments = Moments()
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(channels)) for _ in range(styles)])
        self.shifts = nn.ParameterList([nn.Parameter(torch.zeros(channels)) for _ in range(styles)])

    def forward(self, x: Tensor, mix: Tensor) -> Tensor:
        """Return the normalised maps, (N, C, h, w), with gamma and beta averaged by the weights `mix`, (N, S)."""
        measured = self.moments(x)
        scale, shift = (mix @ torch.stack(list(rows)) for rows in (self.scales, self.shifts))  # (N, C)
        return renormalise(x, measured, shift[..., None, None], scale[..., None, None])

    def add(self) -> None:
        """Add a style, initialised with the mean of the others."""
        for rows in (self.scales, self.shifts):
            rows.append(nn.Parameter(torch.stack(list(rows)).detach().mean(0)))


class Transformer(nn.Module):
    """An image transformation network: a photograph to a picture in one of S styles, or in a mix of them.

    A 9 x 9 convolution, two that halve the resolution, residual blocks at a quarter of it, two upsamplings with
    convolutions, a 9 x 9 convolution and a sigmoid.

    Args:
        width: Channels at full resolution; twice as many at half and four times as many at a quarter of it.
        blocks: Residual blocks, of two convolutions each.
        styles: S; each style has its own norm parameters.

    Attributes:
        accepts_any_style: False: the network paints only the styles that it was trained for.
        stride: Edges of images must be multiples of it, pixels.
        halo: Margin around a window on which the values inside depend, pixels, a multiple of the stride.

    Source: Johnson, Alahi & Fei-Fei 2016 and its supplement; Dumoulin, Shlens & Kudlur 2017.

    Differs: reflection padding in every convolution instead of one wide border; nearest-neighbour upsampling instead of
    transposed convolutions; a sigmoid instead of a scaled tanh; `width` is 16 by default instead of 32, for CPUs.
    """

    kind = "transformer"
    accepts_any_style = False
    stride = 4

    def __init__(self, *, width: int, blocks: int, styles: int) -> None:
        super().__init__()
        if min(width, blocks, styles) < 1:
            raise ValueError(f"network has width {width}, blocks {blocks}, styles {styles}; give 1 or more of each")
        w = width

        def conv_norm(inside: int, outside: int, size: int = 3, stride: int = 1) -> ConvNorm:
            return ConvNorm(Conv(inside, outside, size, stride=stride), StyleNorm(outside, styles))

        self.options: dict[str, Any] = {"width": width, "blocks": blocks}
        self.halo = 20 + 8 * blocks
        self.down = nn.ModuleList(
            [conv_norm(3, w, 9), conv_norm(w, 2 * w, stride=2), conv_norm(2 * w, 4 * w, stride=2)]
        )
        self.blocks = nn.ModuleList(
            [nn.ModuleList([conv_norm(4 * w, 4 * w), conv_norm(4 * w, 4 * w)]) for _ in range(blocks)]
        )
        self.up = nn.ModuleList([conv_norm(4 * w, 2 * w), conv_norm(2 * w, w)])
        self.last = Conv(w, 3, 9)

    @classmethod
    def build(cls, options: Mapping[str, Any], styles: int) -> "Transformer":
        """Return a network with the `options` of another and a number of styles."""
        return cls(**options, styles=styles)

    @property
    def styles(self) -> int:
        """The number of styles."""
        return len(self.down[0].norm.scales)  # type: ignore[arg-type,union-attr]

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Return the picture, RGB in [0, 1], (N, 3, H, W).

        Args:
            image: RGB in [0, 1], (N, 3, H, W); H and W are multiples of 4, 8 or more.
            mix: Weights of the styles, (N, S) or (1, S).
        """
        x = image - 0.5
        for layer in self.down:
            x = layer(x, mix).relu_()
        return decode(x, mix, self.blocks, self.up, self.last)

    def statistics_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return what a checkpoint stores for each style besides the parameters, name -> shape: nothing."""
        return {}

    def known_style(self, index: int, statistics: Mapping[str, Tensor]) -> Tensor:
        """Return the code of a style that the network was trained for: one-hot, (S,)."""
        return F.one_hot(torch.tensor(index), self.styles).float()

    def condition(self, codes: Tensor, weights: Tensor, strength: float) -> Tensor:
        """Return the second argument of `forward`.

        Args:
            codes: Of K styles, (K, S).
            weights: Of the K styles, (1, K, 1, 1); normalised to sum 1.
            strength: Has no effect inside this network.
        """
        mix = weights[..., 0, 0] @ codes
        return mix / mix.sum()

    def add_style(self) -> list[nn.Parameter]:
        """Add a style and return its parameters, which are all that has to be trained for it."""
        norms = [module for module in self.modules() if isinstance(module, StyleNorm)]
        for norm in norms:
            norm.add()
        return [rows[-1] for norm in norms for rows in (norm.scales, norm.shifts)]
