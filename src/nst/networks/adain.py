"""Any style in one network: encoder, adaptive instance normalisation, decoder (Huang & Belongie 2017)."""

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.networks.layers import Conv, doubled
from nst.networks.moments import Moments, mean_deviation, renormed


@dataclass(frozen=True)
class Blend:
    """What a picture shall look like.

    Attributes:
        means: Of the styles' encoded channels, (N, K, C), or (1, K, C) for all pictures.
        deviations: Likewise.
        weights: Of the K styles, of sum 1: (N, K, 1, 1), or at every position of the encoder, (N, K, H / 4, W / 4).
        strength: 1: the style's statistics; 0: the photograph's own, which gives the photograph again.
    """

    means: Tensor
    deviations: Tensor
    weights: Tensor
    strength: float = 1.0


class Block(nn.Module):
    """Two convolutions beside a shortcut; no norm, which would take away the statistics that carry the style."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = Conv(channels, channels, 3), Conv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        out: Tensor = x + self.second(self.first(x).relu_())
        return out


def _begin(module: nn.Module) -> None:
    """Begin with signals that neither fade nor grow, which without norms no later layer would mend (He et al. 2015)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    if isinstance(module, Block):
        module.second.conv.weight.data.mul_(0.3)
    if isinstance(module, Decoder):
        module.last.conv.weight.data.mul_(0.1)


class Encoder(nn.Module):
    """A learned encoder: a 5 x 5 convolution, two that halve, residual blocks.

    Args:
        width: Channels at full size.
        channels: Channels of the encoded maps.
        blocks: Residual blocks.
    """

    def __init__(self, *, width: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [Conv(3, width, 5), Conv(width, 2 * width, 3, stride=2), Conv(2 * width, channels, 3, stride=2)]
        )
        self.blocks = nn.Sequential(*[Block(channels) for _ in range(blocks)])

    def forward(self, image: Tensor) -> Tensor:
        """Return (N, channels, H / 4, W / 4) of an image (N, 3, H, W) in [0, 1]."""
        x = image * 2 - 1
        for layer in self.down:
            x = layer(x).relu_()
        out: Tensor = self.blocks(x)
        return out


class Decoder(nn.Module):
    """Residual blocks, two doublings with convolutions, a 3 x 3 convolution; no norm.

    Args:
        width: Channels at full size.
        channels: Channels of the encoded maps.
        blocks: Residual blocks.
    """

    def __init__(self, *, width: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*[Block(channels) for _ in range(blocks)])
        self.up = nn.ModuleList([Conv(channels, 2 * width, 3), Conv(2 * width, width, 3)])
        self.last = Conv(width, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return RGB, (N, 3, H, W), of encoded maps (N, channels, H / 4, W / 4): [0, 1] but for overshoots.

        Nothing squashes it: without norms a large step would leave a sigmoid at its end, where it learns no more.
        """
        x = self.blocks(x)
        for layer in self.up:
            x = layer(doubled(x)).relu_()
        out: Tensor = self.last(x)
        return out + 0.5


class Adain(nn.Module):
    """Encode the photograph, give each channel the style's mean and deviation, decode.

    `AdaIN(x, y) = sigma(y) (x - mu(x)) / sigma(x) + mu(y)`.

    Args:
        width: Channels at full size.
        channels: Channels of the encoded maps: a style is twice as many numbers.
        blocks: Residual blocks of the encoder, and of the decoder.

    Attributes:
        stride: Edges must be multiples of it, pixels.
        halo: Pixels round a window that its inside depends on, a multiple of the stride.

    Source: Huang & Belongie 2017, equation 8 and section 7.

    Differs: the encoder is learned together with the decoder, against the same losses as the other networks and the
    photograph itself at strength 0, since a VGG-19 can't always be had; four times smaller maps instead of eight.
    """

    kind = "adain"
    stride = 4

    def __init__(self, *, width: int, channels: int, blocks: int) -> None:
        super().__init__()
        if min(width, channels, blocks) < 1:
            raise ValueError(f"network has width {width}, channels {channels}, blocks {blocks}; give 1 or more of each")
        self.options: dict[str, Any] = {"width": width, "channels": channels, "blocks": blocks}
        self.halo = 16 + 16 * blocks + 4
        self.encoder = Encoder(width=width, channels=channels, blocks=blocks)
        self.decoder = Decoder(width=width, channels=channels, blocks=blocks)
        self.apply(_begin)
        self.moments = Moments()

    def look(self, style: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of the encoded style (N, 3, H, W): (N, C) each."""
        mean, deviation = mean_deviation(self.encoder(style))
        return mean.flatten(1), deviation.flatten(1)

    def normalise(self, x: Tensor, blend: Blend) -> Tensor:
        """Give encoded maps (N, C, h, w) the statistics of a blend."""
        pair = self.moments(x)
        weights = blend.weights
        wanted_mean, wanted_deviation = (
            torch.einsum("nkhw,nkc->nchw", weights, values.expand(len(weights), -1, -1))
            for values in (blend.means, blend.deviations)
        )
        styled = renormed(x, pair, wanted_mean, wanted_deviation)
        out: Tensor = x + blend.strength * (styled - x) if blend.strength != 1 else styled
        return out

    def forward(self, image: Tensor, blend: Blend) -> Tensor:
        """Paint an image, [0, 1] RGB (N, 3, H, W) with H and W multiples of 4, as a blend of styles."""
        out: Tensor = self.decoder(self.normalise(self.encoder(image), blend))
        return out

    def window(self, blend: Blend, top: int, left: int, height: int, width: int) -> Blend:
        """Return the blend for a window of the picture, pixels."""
        if blend.weights.shape[-2:] == (1, 1):
            return blend
        rows, columns = (slice(at // 4, (at + length) // 4) for at, length in ((top, height), (left, width)))
        return replace(blend, weights=blend.weights[..., rows, columns])


def resized(blend: Blend, size: tuple[int, int]) -> Blend:
    """Return a blend with its weights, where they are maps, at (height, width) of the encoder."""
    if blend.weights.shape[-2:] == (1, 1):
        return blend
    return replace(blend, weights=F.interpolate(blend.weights, size, mode="area"))
