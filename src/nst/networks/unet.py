"""The network that comes with nst: a small U-Net whose norms know the style."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from nst.networks.known_styles import KnownStyles, StyleNorm
from nst.networks.layers import Conv, ConvNorm, interpolate

SPEED = 4.0  # of the parameters of a style


class UNet(KnownStyles):
    """An image transformation network whose body works at an eighth of the resolution, for shapes as well as strokes.

    Three convolutions halve the resolution, residual blocks follow, and three upsamplings with a convolution each; the
    encoder's maps at a half and a quarter are added to the decoder's.

    Args:
        widths: Channels at the full resolution, a half, a quarter and an eighth of it.
        blocks: Residual blocks, of two convolutions each.
        styles: S; each style has its own norm parameters.
        norm: Makes another norm, of so many channels; None: one that knows the styles.

    Source: Johnson, Alahi & Fei-Fei 2016 (the losses and the residual blocks); Dumoulin, Shlens & Kudlur 2017
    (conditional instance norm); Ronneberger, Fischer & Brox 2015 (U-Net).

    Differs: skipped maps are added, not concatenated. The full resolution is decoded only, never encoded. Maps are
    enlarged linearly: repeated positions left bars and ladders along the axes.
    """

    kind = "unet"
    stride = 8

    def __init__(
        self,
        *,
        widths: Sequence[int],
        blocks: int,
        styles: int = 1,
        norm: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if len(widths) != 4 or min(*widths, blocks, styles) < 1:
            raise ValueError(
                f"network has widths {list(widths)}, blocks {blocks}, styles {styles}; give four widths, and 1 or more "
                f"of each"
            )
        full, half, quarter, eighth = widths
        norm = norm or (lambda channels: StyleNorm(channels, styles, speed=SPEED))

        def layer(inside: int, outside: int, size: int = 3, *, stride: int = 1) -> ConvNorm:
            return ConvNorm(Conv(inside, outside, size, stride=stride), norm(outside))

        self.options: dict[str, Any] = {"widths": list(widths), "blocks": blocks}
        self.halo = 48 + 16 * blocks
        self.down = nn.ModuleList(
            [layer(3, half, 5, stride=2), layer(half, quarter, stride=2), layer(quarter, eighth, stride=2)]
        )
        self.blocks = nn.ModuleList(
            [nn.ModuleList([layer(eighth, eighth), layer(eighth, eighth)]) for _ in range(blocks)]
        )
        self.up = nn.ModuleList([layer(eighth, quarter), layer(quarter, half), layer(half, full)])
        self.last = Conv(full, 3, 5)

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Return the picture: see `KnownStyles`."""
        half = self.down[0](image - 0.5, mix).relu_()
        quarter = self.down[1](half, mix).relu_()
        x = self.down[2](quarter, mix).relu_()
        for block in self.blocks:
            first, second = block.children()
            x = x + second(first(x, mix).relu_(), mix)
        x = self.up[0](interpolate(x), mix).relu_() + quarter
        x = self.up[1](interpolate(x), mix).relu_() + half
        x = self.up[2](interpolate(x), mix).relu_()
        out: Tensor = self.last(x)
        return out.sigmoid()
