"""Any style in one network: encoder, adaptive instance normalisation, decoder (Huang & Belongie 2017)."""

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.networks.instance_norm import Moments, Pair, mean_deviation, renormed
from nst.networks.layers import Conv, Normed, painted

LOOK = 128  # numbers that tell every norm of the decoder what a picture shall look like


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
    strength: float | Tensor = 1.0


class Block(nn.Module):
    """Two convolutions beside a shortcut; no norm, which would take away the statistics that carry the style."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = _begun(Conv(channels, channels, 3)), _begun(Conv(channels, channels, 3), gain=0.3)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        out: Tensor = x + self.second(self.first(x).relu_())
        return out


class Encoder(nn.Module):
    """A learned encoder: a 5 x 5 convolution, two that halve, a residual block.

    Args:
        width: Channels at full size.
        channels: Channels of the encoded maps.
    """

    def __init__(self, *, width: int, channels: int) -> None:
        super().__init__()
        convs = Conv(3, width, 5), Conv(width, 2 * width, 3, stride=2), Conv(2 * width, channels, 3, stride=2)
        self.down = nn.ModuleList([_begun(conv) for conv in convs])
        self.block = Block(channels)

    def forward(self, image: Tensor) -> Tensor:
        """Return (N, channels, H / 4, W / 4) of an image (N, 3, H, W) in [0, 1]."""
        x = image * 2 - 1
        for layer in self.down:
            x = layer(x).relu_()
        out: Tensor = self.block(x)
        return out


def _begun(conv: Conv, gain: float = 1.0) -> Conv:
    """Begin with signals that neither fade nor grow, which without norms no later layer would mend (He et al. 2015)."""
    nn.init.kaiming_normal_(conv.conv.weight, nonlinearity="relu")
    conv.conv.weight.data.mul_(gain)
    nn.init.zeros_(conv.conv.bias)  # type: ignore[arg-type]
    return conv


class LookNorm(nn.Module):
    """Instance norm whose scale and shift are predicted: `y = (1 + gamma(l)) (x - mu) / sigma + beta(l)`.

    Args:
        channels: C, of what is normed.
        look: L, numbers that say what a picture shall look like.

    Source: Ghiasi et al. 2017, whose predictions are of a style's picture; the norm of Dumoulin, Shlens & Kudlur 2017.
    """

    def __init__(self, channels: int, look: int) -> None:
        super().__init__()
        self.moments = Moments()
        self.predict = nn.Conv2d(look, 2 * channels, 1)
        nn.init.normal_(self.predict.weight, std=0.1 * look**-0.5)  # begin near the plain norm
        nn.init.zeros_(self.predict.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, look: Tensor) -> Tensor:
        """Return normed maps, (N, C, h, w); the look is (N, L, 1, 1), or (N, L, h / k, w / k): each place its own."""
        scale, shift = self.predict(look).chunk(2, dim=1)
        if look.shape[-2:] != (1, 1):
            scale, shift = (F.interpolate(values, x.shape[-2:], mode="nearest") for values in (scale, shift))
        return renormed(x, self.moments(x), shift, 1 + scale)


class Decoder(nn.Module):
    """Residual blocks, two doublings with convolutions, a 5 x 5 convolution, a sigmoid; told of the style by its norms.

    Args:
        width: Channels at full size.
        channels: Channels of the encoded maps.
        blocks: Residual blocks.
    """

    def __init__(self, *, width: int, channels: int, blocks: int) -> None:
        super().__init__()

        def normed(inside: int, outside: int) -> Normed:
            return Normed(Conv(inside, outside, 3), LookNorm(outside, LOOK))

        self.read = nn.Conv2d(2 * channels + 1, LOOK, 1)
        nn.init.normal_(self.read.weight[:, -1:])  # heard from the begin: strength 0 is another task
        self.blocks = nn.ModuleList(
            [nn.ModuleList([normed(channels, channels), normed(channels, channels)]) for _ in range(blocks)]
        )
        self.up = nn.ModuleList([normed(channels, 2 * width), normed(2 * width, width)])
        self.last = Conv(width, 3, 5)

    def forward(self, x: Tensor, pair: Pair, strength: float | Tensor) -> Tensor:
        """Return RGB in [0, 1], (N, 3, H, W).

        Args:
            x: Encoded maps, (N, channels, H / 4, W / 4).
            pair: The mean and the deviation that they were given, (N, channels, 1, 1), or (N, channels, H / 4, W / 4).
            strength: 1: those of a style; 0: the photograph's own, to paint it again.
        """
        told = [*pair, torch.zeros_like(pair[0][:, :1]) + strength]
        look = self.read(torch.cat(told, dim=1)).relu_()
        return painted(x, look, self.blocks, self.up, self.last)


class Adain(nn.Module):
    """Encode the photograph, give each channel the style's mean and deviation, decode, told of them once more.

    `AdaIN(x, y) = sigma(y) (x - mu(x)) / sigma(x) + mu(y)`.

    Args:
        width: Channels at full size.
        channels: Channels of the encoded maps: a style is twice as many numbers.
        blocks: Residual blocks of the decoder.

    Attributes:
        stride: Edges must be multiples of it, pixels.
        halo: Pixels round a window that its inside depends on, a multiple of the stride.

    Source: Huang & Belongie 2017, equation 8 and section 7.

    Differs: the encoder is learned together with the decoder, against the same losses as the other networks and the
    photograph itself at strength 0, since a VGG-19 can't always be had; four times smaller maps instead of eight; the
    decoder has instance norms that are told of the same statistics and of the strength. Without norms there, a training
    of a quarter of an hour learned palettes and no strokes; without the strength, it painted photographs as paintings.
    """

    kind = "adain"
    stride = 4

    def __init__(self, *, width: int, channels: int, blocks: int) -> None:
        super().__init__()
        if min(width, channels, blocks) < 1:
            raise ValueError(f"network has width {width}, channels {channels}, blocks {blocks}; give 1 or more of each")
        self.options: dict[str, Any] = {"width": width, "channels": channels, "blocks": blocks}
        self.halo = 28 + 8 * blocks
        self.encoder = Encoder(width=width, channels=channels)
        self.decoder = Decoder(width=width, channels=channels, blocks=blocks)
        self.moments = Moments()

    def look(self, style: Tensor) -> Pair:
        """Return mean and deviation of the encoded style (N, 3, H, W): (N, C) each."""
        mean, deviation = mean_deviation(self.encoder(style))
        return mean.flatten(1), deviation.flatten(1)

    def normalise(self, x: Tensor, blend: Blend) -> tuple[Tensor, Pair]:
        """Give encoded maps (N, C, h, w) the statistics of a blend.

        Returns:
            The maps, and the mean and the deviation they were given: (N, C, 1, 1), or (N, C, h, w) where the blend's
            weights are maps.
        """
        own, weights = self.moments(x), blend.weights
        styles = (
            torch.einsum("nkhw,nkc->nchw", weights, values.expand(len(weights), -1, -1))
            for values in (blend.means, blend.deviations)
        )
        mean, deviation = (torch.lerp(at_0, at_1, blend.strength) for at_0, at_1 in zip(own, styles, strict=True))
        return renormed(x, own, mean, deviation), (mean, deviation)

    def forward(self, image: Tensor, blend: Blend) -> Tensor:
        """Paint an image, [0, 1] RGB (N, 3, H, W) with H and W multiples of 4, as a blend of styles."""
        out: Tensor = self.decoder(*self.normalise(self.encoder(image), blend), blend.strength)
        return out

    def window(self, blend: Blend, top: int, left: int, height: int, width: int) -> Blend:
        """Return the blend for a window of the picture, pixels."""
        if blend.weights.shape[-2:] == (1, 1):
            return blend
        rows, columns = (slice(at // 4, (at + length) // 4) for at, length in ((top, height), (left, width)))
        return replace(blend, weights=blend.weights[..., rows, columns])
