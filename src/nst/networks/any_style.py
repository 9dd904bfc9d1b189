"""One network for any style, its norms predicted from a picture of the style (Ghiasi et al. 2017)."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.data import image_io
from nst.networks.adain import PredictedNorm
from nst.networks.instance_norm import mean_deviation
from nst.networks.known_styles import StyleNorm
from nst.networks.unet import UNet

SEEN = {"1_1": 32, "1_2": 32, "2_1": 64, "2_2": 64, "3_1": 96}
"""Convolution, as VGG's are named -> channels."""
MEASURED = ("1_1", "2_1", "3_1")
"""Those whose ReLU tells the style."""
HIDDEN = 128
SCALE = 1 / 64
"""Of the statistics: a step of Adam moves every weight alike, and D inputs of size 1 would move an embedding D-fold."""


class StyleStatistics(nn.Module):
    """The numbers that tell a style: D of them, standardised over the styles of a training, and small.

    They are the mean and standard deviation of every channel of relu1_1, relu2_1 and relu3_1 of a frozen network
    (Huang & Belongie 2017), and the mean and covariance of the colours.

    Attributes:
        size: D.
    """

    mean: Tensor
    deviation: Tensor
    centre: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.size = 2 * sum(SEEN[name] for name in MEASURED) + 9
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225])[:, None, None])
        self.register_buffer("centre", torch.zeros(self.size))
        self.register_buffer("spread", torch.ones(self.size))
        before = [3, *SEEN.values()]
        self.convs = nn.ModuleDict(
            {name: nn.Conv2d(before[i], width, 3, padding=1) for i, (name, width) in enumerate(SEEN.items())}
        )
        self.convs.requires_grad_(False)

    @torch.no_grad()
    def forward(self, style: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Return (N, D) of styles (N, 3, H, W) in [0, 1], where they are visible: opacity (N, 1, H, W) or None."""
        return SCALE * (self._measured(style, alpha) - self.centre) / self.spread

    @torch.no_grad()
    def standardise(self, styles: Sequence[Tensor]) -> None:
        """Divide from now on by the deviation over these styles, (1, 3, H, W) each, after subtracting their mean."""
        rows = torch.cat([self._measured(style, None) for style in styles])
        self.centre.copy_(rows.mean(0))
        self.spread.copy_((rows - self.centre).square().mean(0).sqrt() + 0.1 * rows.abs().mean(0) + 1e-3)

    def _measured(self, style: Tensor, alpha: Tensor | None) -> Tensor:
        visible = torch.ones_like(style[:, :1]) if alpha is None else alpha
        share = visible / visible.sum((2, 3), keepdim=True)
        colour = (style * share).sum((2, 3), keepdim=True)
        covariance = torch.einsum("nihw,njhw->nij", (style - colour) * share, style - colour)
        rows, columns = torch.triu_indices(3, 3)
        told = [colour.flatten(1), covariance[:, rows, columns]]
        x, block = (style - self.mean) / self.deviation, 1
        for name, conv in self.convs.items():
            if int(name[0]) > block:
                x, block = F.max_pool2d(x, 2), block + 1
            x = conv(x).relu_()
            if name in MEASURED:
                weights = None if alpha is None else image_io.area(alpha, image_io.size_of(x))
                told += [one.flatten(1) for one in mean_deviation(x, weights)]
        return torch.cat(told, dim=1)


class AnyStyle(UNet):
    """`UNet` whose norms get scale and shift from an embedding of the style, which is predicted from its picture.

    The embedding is `A s + B relu(C s)` of the style's statistics s; the scales and shifts are linear in it, so that
    embeddings mix like the styles of Dumoulin, Shlens & Kudlur 2017.

    Args:
        widths: Channels at the full resolution, a half, a quarter and an eighth of it.
        blocks: Residual blocks.
        embedding: E, numbers of an embedding.

    Source: Ghiasi, Lee, Kudlur, Dumoulin & Shlens 2017.

    Differs: an Inception network predicts theirs from pixels; here two layers do, from statistics of a frozen network.
    """

    kind = "any_style"
    accepts_any_style = True

    def __init__(self, *, widths: Sequence[int], blocks: int, embedding: int) -> None:
        if embedding < 1:
            raise ValueError(f"network.embedding is {embedding}; give 1 or more")
        super().__init__(widths=widths, blocks=blocks, norm=lambda channels: PredictedNorm(channels, embedding))
        self.options["embedding"] = embedding
        self.statistics = StyleStatistics()
        self.straight = nn.Linear(self.statistics.size, embedding)
        self.first = nn.Linear(self.statistics.size, HIDDEN)
        self.second = nn.Linear(HIDDEN, embedding, bias=False)
        self.first.weight.data.mul_(4)

    @classmethod
    def build(cls, options: Mapping[str, Any], styles: int) -> Self:
        """Return a network with the `options` of another, whatever the number of styles."""
        return cls(**options)

    def embed(self, style: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Return the embeddings (N, E) of styles (N, 3, H, W) in [0, 1] of opacity (N, 1, H, W), None for opaque."""
        told = self.statistics(style, alpha)
        out: Tensor = self.straight(told) + self.second(self.first(told).relu())
        return out

    def encode_reduced(self, style: Tensor, alpha: Tensor | None, edge: int) -> Tensor:
        """Return the embedding (E,) of a style of any size (1, 3, H, W), reduced to a shorter edge of `edge` pixels."""
        small = image_io.reduced(style, edge, by="shortest")
        return self.embed(small, None if alpha is None else image_io.area(alpha, image_io.size_of(small)))[0]

    def statistics_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return what a checkpoint stores for each style besides the parameters, name -> shape."""
        return {"embeddings": (int(self.options["embedding"]),)}

    def known_style(self, index: int, statistics: Mapping[str, Tensor]) -> Tensor:
        """Return the embedding of a style that is stored, (E,)."""
        return statistics["embeddings"][index]

    def condition(self, codes: Tensor, weights: Tensor, strength: float) -> Tensor:
        """Return the second argument of `forward`, the mean embedding: (1, E, 1, 1) or (1, E, H / 8, W / 8).

        Args:
            codes: Of K styles, (K, E).
            weights: Of the K styles, (1, K, 1, 1) or (1, K, H / 8, W / 8); normalised to sum 1.
            strength: Has no effect inside this network.
        """
        share = weights / weights.sum(1, keepdim=True).clamp_min(1e-6)
        return torch.einsum("nkhw,ke->nehw", share, codes)

    @torch.no_grad()
    def begin_with(self, network: UNet, styles: Tensor) -> None:
        """Paint from the start what a network for S known styles paints, and of other styles a mix of these.

        Args:
            network: Of the same widths and blocks.
            styles: The statistics of its styles, (S, D); E must be S or more.

        Raises:
            ValueError: The networks differ.
        """
        count, size = len(styles), int(self.options["embedding"])
        same = {key: self.options[key] for key in network.options}
        if same != network.options or count != network.styles or size < count:
            raise ValueError(
                f"method.start is a network of {network.options} for {network.styles} styles; this one has {same}, "
                f"{count} styles and an embedding of {size}: give the same, and an embedding of {count} or more"
            )
        theirs = dict(network.named_modules())
        for name, module in self.named_modules():
            if isinstance(module, PredictedNorm):
                _begin_norm(module, theirs[name])
            elif isinstance(module, nn.Conv2d) and isinstance(theirs.get(name), nn.Conv2d):
                module.load_state_dict(theirs[name].state_dict())
        mean = (torch.arange(size) < count) / count
        self.straight.weight.copy_((torch.linalg.pinv(styles, rtol=0.05) @ (torch.eye(count, size) - mean)).T)
        self.straight.bias.copy_(mean)
        self.second.weight.mul_(0.1)


def _begin_norm(norm: PredictedNorm, known: Any) -> None:
    """Let embedding k be style k of a norm for S known styles; the other numbers begin as small random directions."""
    assert isinstance(known, StyleNorm)
    scale, shift = (torch.stack(list(rows)) * known.speed for rows in (known.scales, known.shifts))
    each = torch.cat([scale - known.speed, shift], dim=1)  # (S, 2 C): gamma - 1 and beta
    weight = norm.predict.weight[..., 0, 0]  # (2 C, E)
    weight.copy_(0.3 * each.std(0)[:, None] * torch.randn_like(weight))
    weight[:, : len(each)] = (each - each.mean(0)).T
    assert norm.predict.bias is not None
    norm.predict.bias.copy_(each.mean(0))
