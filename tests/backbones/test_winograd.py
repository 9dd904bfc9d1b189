"""Winograd's algorithm gives the direct convolution, and its gradient."""

import pytest
import torch
from torch import nn

from nst.backbones.winograd import LEAST, Winograd, _Convolution, fits

SIZES = [(20, 24), (17, 35), (16, 19), (41, 18), (22, 24)]  # multiples of 4 and others


def convolution(bias: bool = True, **options) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(LEAST, LEAST + 8, 3, padding=1, bias=bias, **options).requires_grad_(False)


def both(direct: nn.Module, x: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    out = []
    for one in (direct, Winograd(direct)):
        at = x.clone().requires_grad_()
        y = one(at)
        (gradient,) = torch.autograd.grad((y * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum(), at)
        out.append((y.detach(), gradient))
    return out


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradient_are_those_of_the_direct_convolution(size, bias, memory) -> None:
    x = torch.randn(2, LEAST, *size, generator=torch.Generator().manual_seed(1)).to(memory_format=memory)
    for expected, got in zip(*both(convolution(bias), x), strict=True):
        assert got.shape == expected.shape
        assert (got - expected).abs().max() < 3e-5 * expected.abs().max()  # ten times float32's rounding


@pytest.mark.parametrize("size", SIZES)
def test_a_rectifier_may_write_over_it(size) -> None:
    layer, x = Winograd(convolution()), torch.randn(1, LEAST, *size, requires_grad=True)
    y = layer(x)
    beside = y.relu()
    expected = torch.autograd.grad(beside.sum(), x)[0]
    assert torch.equal(torch.autograd.grad(layer(x).relu_().sum(), x)[0], expected)


def test_it_really_is_another_sum_and_not_the_direct_one() -> None:
    (direct, _), (ours, _) = both(convolution(), torch.randn(1, LEAST, 32, 32))
    assert not torch.equal(direct, ours)


def test_several_bands_give_what_one_gives(monkeypatch) -> None:
    x, layer = torch.randn(1, LEAST, 36, 32), Winograd(convolution())
    whole = layer(x)
    monkeypatch.setattr("nst.backbones.winograd.ROOM", 1)  # every row of squares is a band of its own
    assert torch.allclose(layer(x), whole, atol=1e-5)


def test_the_gradient_is_exact_in_double_precision() -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(1, 2, 7, 9, dtype=torch.float64, generator=generator, requires_grad=True)
    filters = torch.randn(36, 2, 3, dtype=torch.float64, generator=generator)
    bias = torch.randn(3, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda at: _Convolution.apply(at, filters, bias), x)


@pytest.mark.parametrize("case", ["double", "bfloat16", "small"])
def test_what_it_is_not_for_goes_the_direct_way(case) -> None:
    layer, x = Winograd(convolution()), torch.randn(1, LEAST, 32, 32)
    if case == "double":
        layer, x = layer.double(), x.double()
    if case == "small":
        x = x[..., :8, :8]
    with torch.autocast("cpu", torch.bfloat16, enabled=case == "bfloat16"):
        assert torch.equal(layer(x), layer.direct(x))


@pytest.mark.parametrize(
    ("fitting", "module"),
    [
        (True, convolution()),
        (False, convolution(stride=2)),
        (False, convolution(dilation=2)),
        (False, convolution(groups=8)),
        (False, convolution(padding_mode="reflect")),
        (False, nn.Conv2d(64, 256, 3, padding=1)),
        (False, nn.Conv2d(256, 256, 1)),
        (False, nn.ReLU()),
    ],
)
def test_only_plain_ones_with_many_channels_are_replaced(fitting, module) -> None:
    assert fits(module) == fitting
