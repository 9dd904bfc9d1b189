"""Convolution + ReLU and ReLU + concatenation have the values and gradients of one after the other."""

from collections.abc import Callable

import pytest
import torch
from conftest import IN_C
from torch import nn

from nst.kernels import compiled
from nst.kernels.conv_relu import FusedConv2d, ReLUCat

KINDS = [
    {"padding": 1},
    {"padding": 1, "stride": 2, "bias": False},
    {"padding": 1, "padding_mode": "replicate"},
    {"padding": 1, "padding_mode": "reflect"},
    {"padding": 2, "dilation": 2},
    {"groups": 4},
]


def convolution(channels: int = 16, **options) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(channels, 24, 3, **options).requires_grad_(False)


def gradients(module: Callable, x: list[torch.Tensor], used: str) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """The output, and the gradients of weighted sums of the first, the second or both of its two aliases."""
    at = [one.clone().requires_grad_() for one in x]
    found = module(*at)
    pair = found if isinstance(found, tuple) else (found, found)
    ramp = torch.linspace(-1, 1, pair[0].shape[-1])
    parts = [(pair[0].float() * ramp).sum(), (pair[1].float() * ramp.square()).sum()]
    loss = {"first": parts[0], "second": parts[1], "both": parts[0] + parts[1]}[used]
    return pair[0].detach(), torch.autograd.grad(loss, at)


@IN_C
@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("used", ["first", "second", "both"])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_conv_relu_is_conv_and_relu(kind, used, half, memory) -> None:
    """In bfloat16 too where the processor has no instructions for it: there torch computes."""
    assert compiled.library() is not None
    direct, x = convolution(**kind), torch.randn(2, 16, 17, 20, generator=torch.Generator().manual_seed(1))
    x = x.to(memory_format=memory)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        expected, (theirs,) = gradients(lambda at: direct(at).relu(), [x], used)
        ours = FusedConv2d(direct, relu=True)
        ours.two_aliases = used != "first"
        got, (mine,) = gradients(ours, [x], used)
    assert got.dtype == expected.dtype == (torch.bfloat16 if half else torch.float32)
    if memory == torch.channels_last:  # as a network's maps are
        assert got.is_contiguous(memory_format=torch.channels_last)
    near = 0.02 if half else 1e-5
    assert (got - expected).abs().max() <= near * expected.abs().max()
    assert (mine - theirs).norm() <= near * theirs.norm()


@IN_C
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("used", ["first", "second", "both"])
def test_relu_cat_is_relu_and_cat(dtype, used) -> None:
    generator = torch.Generator().manual_seed(2)
    maps = [torch.randn(2, channels, 9, 7, generator=generator).to(dtype) for channels in (64, 3, 70)]
    maps[1] = maps[1].to(memory_format=torch.channels_last)
    expected, theirs = gradients(lambda *at: torch.cat(at, 1).relu(), maps, used)
    ours = ReLUCat()
    ours.two_aliases = used != "first"
    got, mine = gradients(ours, maps, used)
    assert torch.equal(got, expected)
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other)


@IN_C
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_relu_cat_keeps_nan_and_inf(dtype) -> None:
    special = torch.tensor([torch.nan, torch.inf, -torch.inf, 0.0, -0.0, -1.0, 1.0]).to(dtype).view(1, 1, 1, 7)
    special = special.expand(1, 16, 1, 7).contiguous(memory_format=torch.channels_last)
    fused = ReLUCat()(special, special)
    assert torch.equal(fused.nan_to_num(nan=7.0), torch.cat([special, special], 1).relu().nan_to_num(nan=7.0))


@pytest.mark.parametrize("case", ["double", "no compiler", "no operator"])
def test_other_inputs_are_left_to_torch(case, monkeypatch) -> None:
    monkeypatch.setattr(compiled, "needed", lambda: pytest.fail("taken"))
    monkeypatch.setattr("nst.kernels.onednn.CONVOLUTION", None)
    if case == "no compiler":
        monkeypatch.setattr(compiled, "library", lambda: None)
    direct, x = convolution(padding=1), torch.randn(1, 16, 9, 9)
    if case == "double":
        direct, x = direct.double(), x.double()
    ours = FusedConv2d(direct, relu=True)
    assert torch.equal(ours(x), direct(x).relu())
    ours.two_aliases = True
    first, second = ours(x)
    assert torch.equal(first, second)
    if case != "no operator":
        fused = ReLUCat()
        fused.two_aliases = True
        assert torch.equal(fused(x, -x)[1], torch.cat([x, -x], 1).relu())
