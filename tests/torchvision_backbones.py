"""Small torchvision backbones for the tests: `build` takes nst's kernels, `plain` PyTorch's operators alone."""

import torch

from nst import kernels
from nst.backbones import Input, Pretrained
from nst.data.download import Download

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
OFFLINE = Download(
    connect=1, timeout=1, deadline=1, retries=0, backoff=0, max_megabytes=1, hosts=[], agent="nst tests", cache=None
)


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
