"""Winograd's algorithm gives the direct convolution, and its gradient."""

import pytest
import torch
from conftest import IN_C
from torch import nn

from nst.kernels import compiled
from nst.kernels.winograd import LEAST, Winograd, _Convolution, fits

SIZES = [(20, 24), (17, 35), (16, 19), (41, 18), (22, 24)]  # multiples of 4 and others


def convolution(bias: bool = True, **options) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(LEAST, LEAST + 8, 3, padding=1, bias=bias, **options).requires_grad_(False)


@pytest.fixture(params=[pytest.param("c", marks=IN_C), "torch"])
def way(request, monkeypatch) -> None:
    """Both ways through the steps round the products."""
    if request.param == "c":
        assert compiled.library() is not None
    else:
        monkeypatch.setattr(compiled, "library", lambda: None)
        monkeypatch.setattr("nst.kernels.winograd.LEAST_WITHOUT", LEAST)


def both(direct: nn.Module, x: torch.Tensor, rectify: bool = False) -> list[tuple[torch.Tensor, torch.Tensor]]:
    out = []
    for one in (nn.Sequential(direct, nn.ReLU() if rectify else nn.Identity()), Winograd(direct, rectify=rectify)):
        at = x.clone().requires_grad_()
        y = one(at)
        (gradient,) = torch.autograd.grad((y * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum(), at)
        out.append((y.detach(), gradient))
    return out


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradient_are_those_of_the_direct_convolution(way, size, bias, memory) -> None:
    x = torch.randn(2, LEAST, *size, generator=torch.Generator().manual_seed(1)).to(memory_format=memory)
    for expected, got in zip(*both(convolution(bias), x), strict=True):
        assert got.shape == expected.shape
        assert (got - expected).abs().max() < 3e-5 * expected.abs().max()  # ten times float32's rounding


@pytest.mark.parametrize("channels", [(48, 64), (64, 48), (64, 200), (130, 67)])
def test_any_numbers_of_channels(way, channels) -> None:
    torch.manual_seed(0)
    direct = nn.Conv2d(*channels, 3, padding=1).requires_grad_(False)
    for expected, got in zip(*both(direct, torch.randn(1, channels[0], 18, 23)), strict=True):
        assert (got - expected).abs().max() < 3e-5 * expected.abs().max()


@pytest.mark.parametrize("size", SIZES)
def test_with_the_rectifier_behind_it(way, size) -> None:
    x = torch.randn(1, LEAST, *size, generator=torch.Generator().manual_seed(3))
    (expected, gradient), (got, ours) = both(convolution(), x, rectify=True)
    assert got.min() == 0
    assert (got - expected).abs().max() < 3e-5 * expected.abs().max()
    assert (ours - gradient).norm() < 1e-2 * gradient.norm()  # a value next to 0 may be on its other side


def test_not_a_number_stays_what_it_is(way) -> None:
    x = torch.zeros(1, LEAST, 20, 20)
    x[0, 0, 10, 10] = torch.nan
    assert Winograd(convolution(), rectify=True)(x).isnan().any()


@pytest.mark.parametrize("size", SIZES)
def test_a_rectifier_may_write_over_it(way, size) -> None:
    layer, x = Winograd(convolution()), torch.randn(1, LEAST, *size, requires_grad=True)
    y = layer(x)
    beside = y.relu()
    expected = torch.autograd.grad(beside.sum(), x)[0]
    assert torch.equal(torch.autograd.grad(layer(x).relu_().sum(), x)[0], expected)


def test_it_really_is_another_sum_and_not_the_direct_one(way) -> None:
    (direct, _), (ours, _) = both(convolution(), torch.randn(1, LEAST, 32, 32))
    assert not torch.equal(direct, ours)


def test_several_bands_give_what_one_gives(way, monkeypatch) -> None:
    x, layer = torch.randn(1, LEAST, 36, 32), Winograd(convolution())
    whole = layer(x)
    monkeypatch.setattr("nst.kernels.winograd.ROOM", 1)  # every row of squares is a band of its own
    assert torch.allclose(layer(x), whole, atol=1e-5)


@pytest.mark.parametrize("rectify", [False, True])
def test_the_gradient_is_exact_in_double_precision(rectify) -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(1, 2, 7, 9, dtype=torch.float64, generator=generator, requires_grad=True)
    layer = Winograd(nn.Conv2d(2, 3, 3, padding=1).requires_grad_(False))
    filters, bias = layer.filters.double(), layer.direct.bias.double()
    assert torch.autograd.gradcheck(lambda at: _Convolution.apply(at, filters, bias, rectify), x)


@pytest.mark.parametrize("case", ["double", "bfloat16", "small", "few channels without C"])
@pytest.mark.parametrize("rectify", [False, True])
def test_what_it_is_not_for_goes_the_direct_way(case, rectify, monkeypatch) -> None:
    layer, x = Winograd(convolution(), rectify=rectify), torch.randn(1, LEAST, 32, 32)
    if case == "few channels without C":
        monkeypatch.setattr(compiled, "library", lambda: None)
    if case == "double":
        layer, x = layer.double(), x.double()
    if case == "small":
        x = x[..., :8, :8]
    with torch.autocast("cpu", torch.bfloat16, enabled=case == "bfloat16"):
        expected = layer.direct(x)
        monkeypatch.setattr("nst.kernels.winograd._Convolution", None)  # would fail
        assert torch.allclose(layer(x), expected.relu() if rectify else expected, atol=1e-5)


@pytest.mark.parametrize(
    ("fitting", "module"),
    [
        (True, convolution()),
        (False, convolution(stride=2)),
        (False, convolution(dilation=2)),
        (False, convolution(groups=8)),
        (False, convolution(padding_mode="reflect")),
        (False, nn.Conv2d(32, 256, 3, padding=1)),
        (False, nn.Conv2d(256, 256, 1)),
        (False, nn.ReLU()),
    ],
)
def test_only_plain_ones_with_many_channels_are_replaced(fitting, module) -> None:
    assert fits(module) == fitting
