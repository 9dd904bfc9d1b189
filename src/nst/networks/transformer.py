"""The residual network of Johnson et al. 2016, with a scale and a shift for every style (Dumoulin et al. 2017)."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from nst.networks.known_styles import KnownStyles, conv_norm
from nst.networks.layers import Conv, decode


class Transformer(KnownStyles):
    """An image transformation network: a photograph to a picture in one of S styles, or in a mix of them.

    A 9 x 9 convolution, two that halve the resolution, residual blocks at a quarter of it, two upsamplings with
    convolutions, a 9 x 9 convolution and a sigmoid.

    Args:
        width: Channels at full resolution; twice as many at half and four times as many at a quarter of it.
        blocks: Residual blocks, of two convolutions each.
        styles: S; each style has its own norm parameters.

    Source: Johnson, Alahi & Fei-Fei 2016 and its supplement; Dumoulin, Shlens & Kudlur 2017.

    Differs: reflection padding in every convolution instead of one wide border; nearest-neighbour upsampling instead of
    transposed convolutions; a sigmoid instead of a scaled tanh; `width` is 16 by default instead of 32, for CPUs.
    """

    kind = "transformer"
    stride = 4

    def __init__(self, *, width: int, blocks: int, styles: int) -> None:
        super().__init__()
        if min(width, blocks, styles) < 1:
            raise ValueError(f"network has width {width}, blocks {blocks}, styles {styles}; give 1 or more of each")
        w, layer = width, partial(conv_norm, styles=styles)
        self.options: dict[str, Any] = {"width": width, "blocks": blocks}
        self.halo = 20 + 8 * blocks
        self.down = nn.ModuleList([layer(3, w, 9), layer(w, 2 * w, stride=2), layer(2 * w, 4 * w, stride=2)])
        self.blocks = nn.ModuleList([nn.ModuleList([layer(4 * w, 4 * w), layer(4 * w, 4 * w)]) for _ in range(blocks)])
        self.up = nn.ModuleList([layer(4 * w, 2 * w), layer(2 * w, w)])
        self.last = Conv(w, 3, 9)

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Return the picture: see `KnownStyles`."""
        x = image - 0.5
        for layer in self.down:
            x = layer(x, mix).relu_()
        return decode(x, mix, self.blocks, self.up, self.last)
