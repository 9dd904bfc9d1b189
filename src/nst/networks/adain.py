"""Any style in one network: encoder, adaptive instance normalisation, decoder (Huang & Belongie 2017)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.data import image_io
from nst.networks.instance_norm import MeanDeviation, Moments, mean_deviation, renormalise
from nst.networks.layers import Conv, ConvNorm, decode

EMBEDDING = 128  # size of the style embedding that conditions the norms of the decoder
SPREAD = 0.1  # of the scales and shifts that are predicted at the start: close to a plain instance norm

# Parameters begin uniform: for normal numbers torch imports its compiler, which takes a second, where a network is made
# without memory, as `io.load` makes it.


@dataclass(frozen=True)
class StyleBlend:
    """The styles of a picture, and how strongly they are applied.

    Attributes:
        means: Channel means of the K encoded styles, (N, K, C), or (1, K, C) for all pictures.
        deviations: Their standard deviations, likewise.
        weights: Of the K styles, sum 1: (N, K, 1, 1), or for every position of the encoder (N, K, H / 4, W / 4).
        strength: 1: the style's statistics; 0: the photograph's own, which reproduces the photograph.
    """

    means: Tensor
    deviations: Tensor
    weights: Tensor
    strength: float | Tensor = 1.0

    def to(self, device: torch.device) -> "StyleBlend":
        """Return the same on a device."""
        means, deviations, weights = (value.to(device) for value in (self.means, self.deviations, self.weights))
        return replace(self, means=means, deviations=deviations, weights=weights)


class Block(nn.Module):
    """A residual block of two convolutions without norms, which would remove the statistics that carry the style."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _he_initialised(Conv(channels, channels, 3))
        self.second = _he_initialised(Conv(channels, channels, 3), gain=0.3)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        out: Tensor = x + self.second(self.first(x).relu_())
        return out


class Encoder(nn.Module):
    """A trained encoder: a 5 x 5 convolution, two that halve the resolution, a residual block.

    Args:
        width: Channels at full resolution.
        channels: Channels of the encoded maps.
    """

    def __init__(self, *, width: int, channels: int) -> None:
        super().__init__()
        convs = Conv(3, width, 5), Conv(width, 2 * width, 3, stride=2), Conv(2 * width, channels, 3, stride=2)
        self.down = nn.ModuleList([_he_initialised(conv) for conv in convs])
        self.block = Block(channels)

    def forward(self, image: Tensor) -> Tensor:
        """Return (N, channels, H / 4, W / 4) of an image (N, 3, H, W) in [0, 1]."""
        x = image * 2 - 1
        for layer in self.down:
            x = layer(x).relu_()
        out: Tensor = self.block(x)
        return out


def _he_initialised(conv: Conv, gain: float = 1.0) -> Conv:
    """Initialise so that the variance stays the same from layer to layer: no norm restores it (He et al. 2015)."""
    nn.init.kaiming_uniform_(conv.conv.weight, nonlinearity="relu")
    conv.conv.weight.data.mul_(gain)
    nn.init.zeros_(conv.conv.bias)  # type: ignore[arg-type]
    return conv


class PredictedNorm(nn.Module):
    """Instance norm with predicted scale and shift: `y = (1 + gamma(e)) (x - mu) / sigma + beta(e)`, e the embedding.

    Args:
        channels: C, of the maps.
        embedding: E, size of the style embedding.

    Source: Ghiasi et al. 2017, who predict the parameters from a style image; the norm of Dumoulin, Shlens & Kudlur
    2017.
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.moments = Moments()
        self.predict = nn.Conv2d(embedding, 2 * channels, 1)
        nn.init.uniform_(self.predict.weight, -(bound := SPREAD * (3 / embedding) ** 0.5), bound)
        nn.init.zeros_(self.predict.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return the normalised maps, (N, C, h, w); the embedding is (N, E, 1, 1) or a map (N, E, h / k, w / k)."""
        scale, shift = self.predict(embedding).chunk(2, dim=1)
        if embedding.shape[-2:] != (1, 1):
            scale, shift = (F.interpolate(values, x.shape[-2:], mode="nearest") for values in (scale, shift))
        return renormalise(x, self.moments(x), shift, 1 + scale)


class Decoder(nn.Module):
    """Residual blocks, two upsamplings with convolutions, a 5 x 5 convolution, a sigmoid; its norms know the style.

    Args:
        width: Channels at full resolution.
        channels: Channels of the encoded maps.
        blocks: Residual blocks.
    """

    def __init__(self, *, width: int, channels: int, blocks: int) -> None:
        super().__init__()

        def conv_norm(inside: int, outside: int) -> ConvNorm:
            return ConvNorm(Conv(inside, outside, 3), PredictedNorm(outside, EMBEDDING))

        self.read = nn.Conv2d(2 * channels + 1, EMBEDDING, 1)
        nn.init.uniform_(self.read.weight[:, -1:], -2, 2)  # large from the start: strength 0 is a task of its own
        self.blocks = nn.ModuleList(
            [nn.ModuleList([conv_norm(channels, channels), conv_norm(channels, channels)]) for _ in range(blocks)]
        )
        self.up = nn.ModuleList([conv_norm(channels, 2 * width), conv_norm(2 * width, width)])
        self.last = Conv(width, 3, 5)

    def forward(self, x: Tensor, statistics: MeanDeviation, strength: float | Tensor) -> Tensor:
        """Return RGB in [0, 1], (N, 3, H, W).

        Args:
            x: Encoded maps, (N, channels, H / 4, W / 4).
            statistics: The mean and deviation they were given, (N, channels, 1, 1) or (N, channels, H / 4, W / 4).
            strength: 1 if these are a style's; 0 if they are the photograph's own, to reproduce it.
        """
        told = [*statistics, torch.zeros_like(statistics[0][:, :1]) + strength]
        embedding = self.read(torch.cat(told, dim=1)).relu_()
        return decode(x, embedding, self.blocks, self.up, self.last)


class Adain(nn.Module):
    """Encode the photograph, give its channels the style's mean and deviation, decode conditioned on the same.

    `AdaIN(x, y) = sigma(y) (x - mu(x)) / sigma(x) + mu(y)`.

    Args:
        width: Channels at full resolution.
        channels: C, channels of the encoded maps; a style is 2 C numbers.
        blocks: Residual blocks of the decoder.

    Attributes:
        accepts_any_style: True: styles may be images, and strength and masks act inside the network.
        takes_strength: True: the strength acts inside the network.
        stride: Edges of images must be multiples of it, pixels.
        halo: Margin around a window on which the values inside depend, pixels, a multiple of the stride.

    Source: Huang & Belongie 2017, equation 8 and section 7.

    Differs: the encoder is trained together with the decoder, with the same losses as the other networks and with the
    photograph itself as the target at strength 0, since a VGG-19 is not always available. The encoded maps are at a
    quarter of the resolution instead of an eighth. The decoder has instance norms conditioned on the same statistics
    and on the strength. Without these norms, 15 minutes of training transferred palettes but no strokes; without the
    strength, photographs came out as paintings.
    """

    kind = "adain"
    accepts_any_style = True
    takes_strength = True
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

    @classmethod
    def build(cls, options: Mapping[str, Any], styles: int) -> "Adain":
        """Return a network with the `options` of another; the number of styles has no effect."""
        return cls(**options)

    def style_statistics(self, style: Tensor, alpha: Tensor | None = None) -> MeanDeviation:
        """Return mean and deviation of the encoded style (N, 3, H, W) where it is visible: (N, C) each.

        Args:
            style: In [0, 1].
            alpha: Its opacity, (N, 1, H, W); None for opaque.
        """
        weights = None if alpha is None else F.avg_pool2d(alpha, self.stride)
        mean, deviation = mean_deviation(self.encoder(style), weights)
        return mean.flatten(1), deviation.flatten(1)

    def normalise(self, x: Tensor, blend: StyleBlend) -> tuple[Tensor, MeanDeviation]:
        """Give encoded maps (N, C, h, w) the statistics of a blend.

        Returns:
            The maps, and the mean and deviation that they were given: (N, C, 1, 1), or (N, C, h, w) if the weights of
            the blend are maps.
        """
        own, weights = self.moments(x), blend.weights
        styles = (
            torch.einsum("nkhw,nkc->nchw", weights, values.expand(len(weights), -1, -1))
            for values in (blend.means, blend.deviations)
        )
        # autocast computes some of them in 16 bits, not the same ones on every device
        ends = [(at_0, at_1.to(at_0)) for at_0, at_1 in zip(own, styles, strict=True)]
        mean, deviation = (torch.lerp(at_0, at_1, blend.strength) for at_0, at_1 in ends)
        return renormalise(x, own, mean, deviation), (mean, deviation)

    def forward(self, image: Tensor, blend: StyleBlend) -> Tensor:
        """Return the picture, RGB in [0, 1], of an image (N, 3, H, W) in [0, 1], H and W multiples of 4."""
        out: Tensor = self.decoder(*self.normalise(self.encoder(image), blend), blend.strength)
        return out

    def statistics_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return what a checkpoint stores for each style besides the parameters, name -> shape."""
        return dict.fromkeys(("means", "deviations"), (int(self.options["channels"]),))

    def known_style(self, index: int, statistics: Mapping[str, Tensor]) -> Tensor:
        """Return the code of a style whose statistics are stored, (2 C,): mean and deviation."""
        return torch.cat([statistics["means"][index], statistics["deviations"][index]])

    def encode_style(self, style: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Return the code of any style (1, 3, H, W) of opacity (1, 1, H, W), H and W multiples of 4: (2 C,)."""
        return torch.cat(self.style_statistics(style, alpha), dim=1)[0]

    def encode_reduced(self, style: Tensor, alpha: Tensor | None, edge: int) -> Tensor:
        """Return the code of a style of any size, reduced to a shorter edge of `edge` pixels: see `encode_style`."""

        def fitted(image: Tensor) -> Tensor:
            return image_io.crop_to_multiple(image_io.reduced(image, edge, by="shortest"), self.stride)

        return self.encode_style(fitted(style), None if alpha is None else fitted(alpha))

    def condition(self, codes: Tensor, weights: Tensor, strength: float) -> StyleBlend:
        """Return the second argument of `forward`.

        Args:
            codes: Of K styles, (K, 2 C).
            weights: Of the K styles, (1, K, 1, 1) or (1, K, H / 4, W / 4); normalised to sum 1.
            strength: In [0, 1].
        """
        means, deviations = codes[None].chunk(2, dim=2)
        return StyleBlend(means, deviations, weights / weights.sum(1, keepdim=True).clamp_min(1e-6), strength)
