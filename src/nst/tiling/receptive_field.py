"""Stride and receptive field of every layer of a backbone, found by trial, so that any network will do."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nst.backbones.base import Backbone

APART = 40320  # pixels: 2^7 3^2 5 7, a multiple of any network's strides
LONGEST = 4096  # pixels: the longest strip tried; tiles are of no use for wider receptive fields


class NotLocalError(ValueError):
    """The features of a layer do not depend on a neighbourhood, the same everywhere."""


@dataclass(frozen=True)
class Reach:
    """Receptive field along one axis: the feature at position j reads pixels `j stride - before` to `j stride + after`.

    Attributes:
        stride: Pixels from one position to the next.
        before: Pixels, 0 or more.
        after: Pixels, 0 or more.
    """

    stride: int
    before: int
    after: int


Geometry = dict[str, tuple[Reach, Reach]]
"""Layer -> its receptive field along rows and along columns."""
PIXEL = Reach(1, 0, 0)


def geometry(backbone: Backbone) -> Geometry:
    """Find the receptive field of every layer of a backbone.

    The stride comes from the sizes of the layers for two sizes of the image. For the receptive field one line of a
    strip is set to NaN: the features that become NaN are those that read it, because convolution, pooling and ReLU pass
    NaN on whatever the weights are.

    Raises:
        NotLocalError: A layer sees the whole image (global pooling, attention), or has no stride.
    """
    strides = _strides(backbone)
    probe = copy.deepcopy(backbone).cpu().double().eval()  # a copied graph is in training mode
    found = [_reaches(probe, strides, axis) for axis in (0, 1)]
    layers = {name: (found[0][name], found[1][name]) for name in backbone.layers}
    return {"image": (PIXEL, PIXEL), "input": (PIXEL, PIXEL)} | layers


def _strides(backbone: Backbone) -> dict[str, int]:
    twin = copy.deepcopy(backbone).to("meta").eval()
    edge = max(512, backbone.smallest)
    small, large = (twin(torch.empty(1, 3, n, n, device="meta")) for n in (edge, edge + APART))
    out = {}
    for name in backbone.layers:
        if small[name].dim() != 4:
            raise NotLocalError(f"layer {name} is not a map over the picture")
        steps = {large[name].shape[axis] - small[name].shape[axis] for axis in (-2, -1)}
        more = steps.pop()
        if steps or more <= 0 or APART % more:
            raise NotLocalError(f"layer {name} does not grow with the picture")
        out[name] = APART // more
    return out


@torch.no_grad()
def _reaches(backbone: Backbone, strides: Mapping[str, int], axis: int) -> dict[str, Reach]:
    found: dict[str, Reach] = {}
    edge = max(128, 4 * backbone.smallest)
    while len(found) < len(strides):
        if edge > LONGEST:
            missing = next(name for name in strides if name not in found)
            raise NotLocalError(f"layer {missing} sees the whole picture")
        line = edge // 2
        touched = _touched(backbone, _strip(edge, backbone.smallest, axis), line, axis)
        for name in strides.keys() - found.keys():
            first, last, count = touched[name]
            if first > 0 and last < count - 1:
                before = (last + 1) * strides[name] - 1 - line
                found[name] = Reach(strides[name], max(0, before), max(0, line - (first - 1) * strides[name] - 1))
        edge *= 2
    return found


def _strip(length: int, width: int, axis: int) -> Tensor:
    """A strip in float64, for which no library convolves by a transform, where NaN would spread to neighbours."""
    return torch.zeros(1, 3, *((length, width) if axis == 0 else (width, length)), dtype=torch.float64)


def _touched(backbone: Backbone, strip: Tensor, line: int, axis: int) -> dict[str, tuple[int, int, int]]:
    """Layer -> the first and the last position that read a line of the strip, and the number of positions."""
    strip.select(axis + 2, line).fill_(math.nan)
    with torch.autocast("cpu", enabled=False):
        features = backbone(strip)
    out = {}
    for name in backbone.layers:
        hit = features[name].isnan().any(1)[0].any(1 - axis).nonzero()[:, 0]
        if not len(hit):
            raise NotLocalError(f"layer {name} does not see the picture")
        out[name] = int(hit[0]), int(hit[-1]), features[name].shape[axis + 2]
    return out
