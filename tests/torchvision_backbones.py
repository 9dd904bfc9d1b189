"""Small torchvision backbones for the tests: `build` takes nst's kernels, `plain` PyTorch's operators alone."""

import copy
from functools import cache

import torch
from torch import nn

from nst import kernels
from nst.backbones import Input, Pretrained, pretrained
from nst.data.download import Download

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
OFFLINE = Download(
    connect=1, timeout=1, deadline=1, retries=0, backoff=0, max_megabytes=1, hosts=[], agent="nst tests", cache=None
)

_initialize = pretrained._build


@cache
def _network(model: str, random_seed: int) -> nn.Module:
    network = _initialize(model, random_seed=random_seed)
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            layer.to("meta")  # no backbone reaches it; nine tenths of VGG's memory
    return network


def _build_once(model: str, *, random_seed: int | None) -> nn.Module:
    """Draw the random weights of a network once in a process: two seconds for VGG, six for Inception."""
    return _initialize(model, random_seed=None) if random_seed is None else copy.deepcopy(_network(model, random_seed))


pretrained._build = _build_once


def build(model: str, layers: list[str], **options) -> Pretrained:
    defaults = {"checkpoint": "random", "pooling": "max", "padding": "zeros", "smoothing": "none", "seed": 0}
    return Pretrained(model=model, layers=layers, input=Input(**IMAGENET), download=OFFLINE, **{**defaults, **options})


def plain(model: str, layers: list[str], **options) -> Pretrained:
    with kernels.use("off"):
        return build(model, layers, **options)


def seen(backbone: Pretrained, x: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Features, and the gradient of a sum of all of them."""
    at = x.clone().requires_grad_()
    features = backbone(at)
    loss = sum((value * torch.linspace(-1, 1, value.shape[-1])).sum() for value in map(features.get, backbone.layers))
    return features, torch.autograd.grad(loss, at)[0]
