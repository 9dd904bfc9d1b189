"""The small VGG-19 starts as close to its teacher as least squares come, and has VGG-19's layer names."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision_backbones import plain as build

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from distillation import small_vgg19

from nst.backbones.small_vgg19 import NODES, RANK, SEEN, SmallVGG19


@pytest.fixture
def maps():
    return torch.randn(4, 6, 16, 16, generator=torch.Generator().manual_seed(0))


def test_least_squares_find_a_convolution(maps):
    torch.manual_seed(1)
    wanted, found = (nn.Conv2d(6, 5, 3, padding=1).requires_grad_(False) for _ in range(2))
    small_vgg19.solve(found, maps, wanted(maps), sample=10_000)
    torch.testing.assert_close(found(maps), wanted(maps), atol=1e-3, rtol=0)  # the ridge is 1e-4


def test_least_squares_find_a_convolution_of_low_rank(maps):
    torch.manual_seed(1)
    wanted, found = (
        nn.Sequential(nn.Conv2d(6, RANK, 3, padding=1, bias=False), nn.Conv2d(RANK, 70, 1)).requires_grad_(False)
        for _ in range(2)
    )
    small_vgg19.solve(found, maps, wanted(maps), sample=10_000)
    torch.testing.assert_close(found(maps), wanted(maps), atol=1e-3, rtol=0)


def test_pivots_explain_moments_of_their_rank():
    factor = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)).double()
    moments = factor @ factor.T
    chosen = small_vgg19.pivots(moments, 3)
    inside = moments[:, chosen] @ torch.linalg.solve(moments[chosen][:, chosen], moments[chosen])
    torch.testing.assert_close(inside, moments)
    assert len(set(chosen)) == 3


def test_the_small_network_is_a_backbone_with_vgg19_s_layer_names(noise):
    backbone = build("small_vgg19", ["relu4_2", "relu1_1"], scale="none")
    features = backbone(noise(48, 64))
    assert features["relu1_1"].shape == (1, SEEN["1_1"], 48, 64)
    assert features["relu4_2"].shape == (1, SEEN["4_2"], 6, 8)
    assert not any("5_1" in name for name, _ in backbone.named_parameters())
    with pytest.raises(ValueError, match="there is no layer 'relu4_3'"):
        build("small_vgg19", ["relu4_3"])


def test_the_small_network_fits_into_the_package():
    network = SmallVGG19()
    assert set(network(torch.rand(1, 3, 32, 32))) == set(NODES)
    assert sum(value.numel() for value in network.parameters()) < 750_000
