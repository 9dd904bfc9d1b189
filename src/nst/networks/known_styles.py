"""What the networks for known styles share: a norm with a scale and a shift for every style (Dumoulin et al. 2017)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.networks.instance_norm import Moments, renormalise
from nst.networks.layers import Conv, ConvNorm


class StyleNorm(nn.Module):
    """Conditional instance norm: `y = gamma_s (x - mu) / sigma + beta_s`, mu and sigma over the positions of x.

    Args:
        channels: C.
        styles: S; each style s has its own gamma and beta, (C,).
        speed: Factor of beta and of gamma - 1 in what is stored: a step of Adam, which is as large for all parameters,
            then moves them as many times as far. A style has a step in S, where what they share has all of them.

    Source: Dumoulin, Shlens & Kudlur 2017, equation 5.
    """

    def __init__(self, channels: int, styles: int, *, speed: float = 1.0) -> None:
        super().__init__()
        self.moments = Moments()
        self.speed = speed
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(channels)) for _ in range(styles)])
        self.shifts = nn.ParameterList([nn.Parameter(torch.zeros(channels)) for _ in range(styles)])

    def forward(self, x: Tensor, mix: Tensor) -> Tensor:
        """Return the normalised maps, (N, C, h, w), with gamma and beta averaged by the weights `mix`, (N, S)."""
        measured = self.moments(x)
        scale, shift = (mix @ torch.stack(list(rows)) for rows in (self.scales, self.shifts))  # (N, C)
        if self.speed != 1:
            scale, shift = 1 + self.speed * (scale - 1), self.speed * shift
        return renormalise(x, measured, shift[..., None, None], scale[..., None, None])

    def add(self) -> None:
        """Add a style, initialised with the mean of the others."""
        for rows in (self.scales, self.shifts):
            rows.append(nn.Parameter(torch.stack(list(rows)).detach().mean(0)))


def conv_norm(
    inside: int, outside: int, size: int = 3, *, styles: int, stride: int = 1, speed: float = 1.0
) -> ConvNorm:
    """Return a convolution with a norm that knows a number of styles; see `Conv` and `StyleNorm`."""
    return ConvNorm(Conv(inside, outside, size, stride=stride), StyleNorm(outside, styles, speed=speed))


class KnownStyles(nn.Module, ABC):
    """A network for the S styles that it was trained for, and mixes of them; they differ in the norms' parameters.

    Attributes:
        kind: What files call it.
        accepts_any_style: Whether styles may be images, and masks place them; if not, the network paints only the
            styles that it was trained for.
        takes_strength: False: the strength has no effect inside the network.
        stride: Edges of images must be multiples of it, pixels.
        options: What it was built with, besides the styles.
        halo: Margin around a window on which the values inside depend, pixels, a multiple of the stride.
    """

    kind: ClassVar[str]
    accepts_any_style: ClassVar[bool] = False
    takes_strength: ClassVar[bool] = False
    stride: ClassVar[int]
    options: dict[str, Any]
    halo: int

    @classmethod
    def build(cls, options: Mapping[str, Any], styles: int) -> Self:
        """Return a network with the `options` of another and a number of styles."""
        return cls(**options, styles=styles)

    @abstractmethod
    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Return the picture, RGB in [0, 1], (N, 3, H, W).

        Args:
            image: RGB in [0, 1], (N, 3, H, W); H and W are multiples of the stride, twice the stride or more.
            mix: Weights of the styles, (N, S) or (1, S).
        """

    @property
    def styles(self) -> int:
        """The number of styles."""
        return len(self._norms()[0].scales)

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
        norms = self._norms()
        for norm in norms:
            norm.add()
        return [rows[-1] for norm in norms for rows in (norm.scales, norm.shifts)]

    def _norms(self) -> list[StyleNorm]:
        return [module for module in self.modules() if isinstance(module, StyleNorm)]
