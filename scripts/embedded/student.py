"""The student: the features of torchvision's SqueezeNet 1.1, with batch norms during training."""

import copy
import math

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nst.backbones import modify

LAYERS = (3, 4, 6, 7, 9, 12)
"""Modules of `features` whose outputs are trained; their strides are 4, 4, 8, 8, 16, 16."""

SPARSITY = 0.2
"""Each channel of an expand layer starts this many standard deviations below zero, so that few positions are active."""

LUMINANCE = 30
"""Number of first filters that respond to luminance; the others respond to chroma."""

FINE = 2.0
"""Gain of the first filters of high frequency, over unit deviation: the first Gram matrix must react to noise."""

CHROMA = 0.2
"""Initial factor of the second layer's weights of the chroma filters."""

CARRY = 4.0
"""Each channel of a squeeze layer starts with this bias, with which its ReLU passes everything."""


class _Normed(nn.Sequential):
    """A convolution and a batch norm of fixed unit gain: no channel outweighs the others."""

    def __init__(self, conv: nn.Conv2d) -> None:
        norm = nn.BatchNorm2d(conv.out_channels, momentum=0.02)
        norm.weight.requires_grad_(False)
        nn.init.constant_(norm.bias, -SPARSITY)
        super().__init__(conv, norm)
        if conv.kernel_size == (3, 3):  # starts blurred
            conv.weight.data *= torch.tensor([1.0, 2, 1]) * torch.tensor([[1.0], [2], [1]])


def build() -> nn.Sequential:
    """Return the `features` of SqueezeNet 1.1, with fixed first filters and a batch norm after each convolution."""
    features = torchvision.models.squeezenet1_1(weights=None).features
    for module in features.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    modify.change_pooling(features, "blur")
    modify.change_padding(features, "reflect_all")
    features[0].weight.requires_grad_(False)
    for owner, name, conv in _convolutions(features, nn.Conv2d):
        setattr(owner, name, _Normed(conv))
        if name == "squeeze":
            nn.init.constant_(getattr(owner, name)[1].bias, CARRY)
    features[0][0].weight.data = first_filters()
    nn.init.zeros_(features[0][1].bias).requires_grad_(False)
    features[0][1].weight[fine()] = FINE
    features[3].squeeze[0].weight.data[:, LUMINANCE:] *= CHROMA
    spare_fine(features)
    return features


def first_filters() -> Tensor:
    """Return 64 unit-norm filters that respond to every pattern, (64, 3, 3, 3): 30 of luminance, 17 for each chroma.

    Outer products of a blur, a slope and a curvature filter along x and y span all 3 x 3 patches. Most have both signs,
    because of the ReLU. In luminance the gradient has 12 directions and the ridge 4. If no filter responded to a
    pattern (pixel noise, for example), nothing would keep it out of an optimised picture.
    """
    blur, slope, curve = torch.tensor([[1.0, 2, 1], [-1, 0, 1], [-1, 2, -1]])
    plane = {k: torch.outer(v, h) for k, v, h in (
        ("disc", blur, blur), ("x", blur, slope), ("y", slope, blur), ("xx", blur, curve), ("yy", curve, blur),
        ("xy", slope, slope), ("xxy", slope, curve), ("xyy", curve, slope), ("dots", curve, curve),
    )}  # fmt: skip
    plane = {k: p / p.norm() for k, p in plane.items()}
    spot, saddle = plane["xx"] + plane["yy"], plane["xx"] - plane["yy"]
    grey, *chroma = torch.tensor([[1.0, 1, 1], [1, 0, -1], [1, -2, 1]])
    ridges = [spot + math.cos(2 * a) * saddle - math.sin(2 * a) * plane["xy"] for a in _turn(4, 0.5)]
    fine = [plane["xxy"], plane["xyy"], plane["dots"]]
    out = [_outer(grey, _heading(plane, a)) for a in _turn(12)]
    out += [_outer(s * grey, p) for p in (plane["disc"], spot, *ridges, *fine) for s in (1, -1)]
    for colour in chroma:
        out += [_outer(colour, _heading(plane, a)) for a in _turn(6)]
        out += [_outer(s * colour, p) for p in (plane["disc"], spot, saddle, plane["xy"]) for s in (1, -1)]
        out += [_outer(colour, p) for p in fine]
    return torch.stack([f / f.norm() for f in out])


def _heading(plane: dict[str, Tensor], angle: float) -> Tensor:
    return math.cos(angle) * plane["x"] + math.sin(angle) * plane["y"]


def fine() -> Tensor:
    """Return which first filters have over a quarter of their energy at half a cycle per pixel: (64,), bool."""
    alternating = torch.tensor([-1.0, 2, -1]) / 6**0.5
    shares = [(f @ alternating).square().sum((1, 2)) for f in (first_filters(), first_filters().transpose(2, 3))]
    return shares[0] + shares[1] > 0.25


@torch.no_grad()
def spare_fine(features: nn.Sequential) -> None:
    """Zero the second layer's weights of the fine filters, which serve the first Gram matrix alone."""
    features[3].squeeze[0].weight.mul_(~fine().view(1, -1, 1, 1))


def outputs(features: nn.Sequential, x: Tensor) -> dict[int, Tensor]:
    """Return the outputs of the trained layers, (N, C, h, w) each."""
    out = {}
    for i, module in enumerate(features):
        x = module(x)
        if i in LAYERS:
            out[i] = x
    return out


def channels(features: nn.Sequential) -> dict[int, int]:
    """Return layer -> its number of channels."""
    with torch.no_grad():
        return {k: v.shape[1] for k, v in outputs(copy.deepcopy(features), torch.rand(2, 3, 64, 64)).items()}


def fold(features: nn.Sequential) -> nn.Sequential:
    """Return the equivalent plain network, each batch norm folded into its convolution."""
    folded = copy.deepcopy(features).eval()
    for owner, name, pair in _convolutions(folded, _Normed):
        setattr(owner, name, fuse_conv_bn_eval(pair[0], pair[1]))
    return folded


def checkpoint(features: nn.Sequential) -> dict[str, Tensor]:
    """Return the folded network as a state dict with torchvision's names `features.*`, in float16."""
    return {f"features.{name}": value.half().contiguous() for name, value in fold(features).state_dict().items()}


def roughness(features: nn.Sequential) -> Tensor:
    """Return the fraction of the trained 3 x 3 filters' energy that alternates along x or y, which causes grids."""
    alternating = torch.tensor([1.0, -2, 1]) / 6**0.5
    shares = []
    for _, _, conv in _convolutions(features, nn.Conv2d):
        if conv.kernel_size == (3, 3) and conv.weight.requires_grad:
            along = [(w @ alternating).square().sum() for w in (conv.weight, conv.weight.transpose(2, 3))]
            shares.append((along[0] + along[1]) / conv.weight.square().sum())
    return torch.stack(shares).mean()


def correlation(maps: Tensor) -> Tensor:
    """Return the mean squared cosine similarity between channels: 0 if all are orthogonal.

    If all channels responded alike, a Gram matrix would hold a single number; this term prevents it.
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
