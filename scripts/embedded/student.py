"""The network that is trained: torchvision's SqueezeNet 1.1, features only, normalised while it learns."""

import copy
import math

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

LAYERS = (1, 3, 4, 6, 7, 9, 10, 12)
"""Modules of `features` whose output is taught, of strides 2, 4, 4, 8, 8, 16, 16, 16."""

SPARSITY = 0.3
"""Each channel begins this many standard deviations below zero, so that a minority of positions is active."""


class _Normed(nn.Sequential):
    """A convolution and its batch normalisation, of unit gain for good: no channel outweighs the others."""

    def __init__(self, conv: nn.Conv2d) -> None:
        norm = nn.BatchNorm2d(conv.out_channels, momentum=0.02)
        norm.weight.requires_grad_(False)
        nn.init.constant_(norm.bias, -SPARSITY)
        super().__init__(conv, norm)


def build() -> nn.Sequential:
    """Give `features` of SqueezeNet 1.1, its first filters smooth, batch normalisation behind each convolution."""
    features = torchvision.models.squeezenet1_1(weights=None).features
    for module in features.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    with torch.no_grad():
        features[0].weight.copy_(smooth_filters(features[0].out_channels))
    for owner, name, conv in _convolutions(features, nn.Conv2d):
        setattr(owner, name, _Normed(conv))
    return features


def smooth_filters(count: int) -> Tensor:
    """Give 3 x 3 filters that blur before they differ, so that a stride of 2 aliases little: (count, 3, 3, 3).

    In turn: 16 headings of the gradient and 8 of the oriented curvature in both signs in luminance, and the gradient
    (8 headings) and blur (both signs) of two opponent colours; random mixtures of these for the rest.
    """
    blur, slope = torch.tensor([1.0, 2, 1]) / 4, torch.tensor([-1.0, 0, 1]) / 2
    curve = torch.tensor([-1.0, 2, -1]) / 4
    gx, gy = torch.outer(blur, slope), torch.outer(slope, blur)
    xx, yy, xy = torch.outer(blur, curve), torch.outer(curve, blur), torch.outer(slope, slope)
    grey, red, green = torch.tensor([[1.0, 1, 1], [1, 0, -1], [1, -2, 1]]) / torch.tensor([[3.0], [2], [6]]) ** 0.5
    disc = torch.outer(blur, blur)
    out = [_outer(grey, math.cos(a) * gx + math.sin(a) * gy) for a in _turn(16)]
    for a in _turn(8, 0.5):
        ridge = math.cos(a) ** 2 * xx + math.sin(a) ** 2 * yy - 2 * math.cos(a) * math.sin(a) * xy
        out += [_outer(grey, ridge), _outer(grey, -ridge)]
    for colour in (red, green):
        out += [_outer(colour, math.cos(a) * gx + math.sin(a) * gy) for a in _turn(8)]
    out += [_outer(sign * colour, disc) for colour in (grey, red, green) for sign in (1, -1)]
    bank = torch.stack([f / f.norm() for f in out])
    mixed = torch.einsum("ij,jcyx->icyx", torch.randn(max(count - len(bank), 0), len(bank)), bank)
    return torch.cat([bank, mixed / (mixed.flatten(1).norm(dim=1) + 1e-6)[:, None, None, None]])[:count]


def roughness(filters: Tensor) -> Tensor:
    """Give the share of the filters' energy at half a cycle a pixel along x or y, which a stride of 2 folds to zero.

    Args:
        filters: (O, I, 3, 3).
    """
    alternating = torch.tensor([1.0, -1, 1])
    x, y = filters @ alternating, filters.transpose(2, 3) @ alternating
    return (x.square().sum() + y.square().sum()) / filters.square().sum()


def outputs(features: nn.Sequential, x: Tensor) -> dict[int, Tensor]:
    """Give the outputs of the taught layers: (N, C, h, w) each."""
    out = {}
    for i, module in enumerate(features):
        x = module(x)
        if i in LAYERS:
            out[i] = x
    return out


def fold(features: nn.Sequential) -> nn.Sequential:
    """Give the plain network that computes the same: each normalisation folded into its convolution."""
    folded = copy.deepcopy(features).eval()
    for owner, name, pair in _convolutions(folded, _Normed):
        setattr(owner, name, fuse_conv_bn_eval(pair[0], pair[1]))
    return folded


def checkpoint(features: nn.Sequential) -> dict[str, Tensor]:
    """Give the folded network as torchvision's state dict of `features.*`, float16."""
    return {f"features.{name}": value.half().contiguous() for name, value in fold(features).state_dict().items()}


def correlation(maps: Tensor) -> Tensor:
    """Give the mean squared cosine between different channels' responses: 0 where they share nothing.

    A Gram matrix of channels that all fire together says one number about a picture; this is what keeps it rich.
    """
    maps = maps[..., ::2, ::2] if maps.shape[-1] > 30 else maps
    flat = F.normalize(maps.float().transpose(0, 1).flatten(1), dim=1)  # (C, N h w)
    cosines = flat @ flat.T
    return (cosines.square().sum() - len(flat)) / (len(flat) * (len(flat) - 1))


def _convolutions(root: nn.Module, kind: type[nn.Module]) -> list[tuple[nn.Module, str, nn.Module]]:
    return [(o, name, m) for o in list(root.modules()) for name, m in o.named_children() if type(m) is kind]


def _turn(count: int, share: float = 1.0) -> list[float]:
    return [2 * math.pi * share * k / count for k in range(count)]


def _outer(colour: Tensor, plane: Tensor) -> Tensor:
    return colour[:, None, None] * plane
