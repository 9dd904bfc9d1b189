"""Winograd's algorithm gives the direct convolution, and its gradient."""

import pytest
import torch
from conftest import IN_C
from torch import nn

from nst.kernels import compiled
from nst.kernels.winograd import FEWEST_CHANNELS, WinogradConv2d, fits

pytestmark = IN_C
SIZES = [(20, 24), (17, 35), (16, 19), (41, 18), (22, 24)]  # multiples of 4 and others


def convolution(bias: bool = True, **options) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(FEWEST_CHANNELS, FEWEST_CHANNELS + 8, 3, padding=1, bias=bias, **options).requires_grad_(False)


def both(direct: nn.Module, x: torch.Tensor, relu: bool = False) -> list[tuple[torch.Tensor, torch.Tensor]]:
    out = []
    for one in (nn.Sequential(direct, nn.ReLU() if relu else nn.Identity()), WinogradConv2d(direct, relu=relu)):
        at = x.clone().requires_grad_()
        y = one(at)
        (gradient,) = torch.autograd.grad((y * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum(), at)
        out.append((y.detach(), gradient))
    return out


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("padding", ["zeros", "replicate", "reflect"])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradient_are_those_of_the_direct_convolution(size, bias, padding, memory) -> None:
    x = torch.randn(2, FEWEST_CHANNELS, *size, generator=torch.Generator().manual_seed(1)).to(memory_format=memory)
    for expected, got in zip(*both(convolution(bias, padding_mode=padding), x), strict=True):
        assert got.shape == expected.shape
        assert (got - expected).abs().max() < 3e-5 * expected.abs().max()  # ten times float32's rounding


@pytest.mark.parametrize("channels", [(48, 64), (64, 48), (64, 200), (130, 67)])
def test_any_numbers_of_channels(channels) -> None:
    torch.manual_seed(0)
    direct = nn.Conv2d(*channels, 3, padding=1).requires_grad_(False)
    for expected, got in zip(*both(direct, torch.randn(1, channels[0], 18, 23)), strict=True):
        assert (got - expected).abs().max() < 3e-5 * expected.abs().max()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("padding", ["zeros", "replicate"])
def test_with_a_relu(size, padding) -> None:
    x = torch.randn(1, FEWEST_CHANNELS, *size, generator=torch.Generator().manual_seed(3))
    (expected, gradient), (got, ours) = both(convolution(padding_mode=padding), x, relu=True)
    assert got.min() == 0
    assert (got - expected).abs().max() < 3e-5 * expected.abs().max()
    assert (ours - gradient).norm() < 1e-2 * gradient.norm()  # a value close to 0 may get the other sign


def test_nan_stays_nan() -> None:
    x = torch.zeros(1, FEWEST_CHANNELS, 20, 20)
    x[0, 0, 10, 10] = torch.nan
    assert WinogradConv2d(convolution(), relu=True)(x).isnan().any()


@pytest.mark.parametrize("size", SIZES)
def test_a_relu_may_overwrite_it(size) -> None:
    layer, x = WinogradConv2d(convolution()), torch.randn(1, FEWEST_CHANNELS, *size, requires_grad=True)
    y = layer(x)
    beside = y.relu()
    expected = torch.autograd.grad(beside.sum(), x)[0]
    assert torch.equal(torch.autograd.grad(layer(x).relu_().sum(), x)[0], expected)


def test_it_really_is_another_sum_and_not_the_direct_one() -> None:
    (direct, _), (ours, _) = both(convolution(), torch.randn(1, FEWEST_CHANNELS, 32, 32))
    assert not torch.equal(direct, ours)


def test_several_bands_give_what_one_gives(monkeypatch) -> None:
    x, layer = torch.randn(1, FEWEST_CHANNELS, 36, 32), WinogradConv2d(convolution())
    whole = layer(x)
    monkeypatch.setattr("nst.kernels.winograd.CACHE", 1)  # one row of tiles at a time
    assert torch.allclose(layer(x), whole, atol=1e-5)


@pytest.mark.parametrize("case", ["double", "bfloat16", "small", "no compiler"])
@pytest.mark.parametrize("relu", [False, True])
def test_other_inputs_take_the_direct_sum(case, relu, monkeypatch) -> None:
    layer, x = WinogradConv2d(convolution(), relu=relu), torch.randn(1, FEWEST_CHANNELS, 32, 32)
    if case == "no compiler":
        monkeypatch.setattr(compiled, "library", lambda: None)
    if case == "double":
        layer, x = layer.double(), x.double()
    if case == "small":
        x = x[..., :8, :8]
    with torch.autocast("cpu", torch.bfloat16, enabled=case == "bfloat16"):
        expected = layer.conv(x)
        monkeypatch.setattr("nst.kernels.winograd._WinogradConv", None)  # would fail
        expected = expected.relu() if relu else expected
        # in bfloat16 an operator with its ReLU inside may sum and round in another order than the two: 8 bits
        near = 0.02 if case == "bfloat16" else 1e-5
        assert (layer(x) - expected).abs().max() <= near * expected.abs().max()


@pytest.mark.parametrize(
    ("fitting", "module"),
    [
        (True, convolution()),
        (False, convolution(stride=2)),
        (False, convolution(dilation=2)),
        (False, convolution(groups=8)),
        (True, convolution(padding_mode="reflect")),
        (True, convolution(padding_mode="replicate")),
        (False, convolution(padding_mode="circular")),
        (False, nn.Conv2d(32, 256, 3, padding=1)),
        (False, nn.Conv2d(256, 256, 1)),
        (False, nn.ReLU()),
    ],
)
def test_only_plain_ones_with_many_channels_fit(fitting, module) -> None:
    assert fits(module) == fitting
