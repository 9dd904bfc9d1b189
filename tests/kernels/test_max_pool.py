"""ReLU + max pooling in C has PyTorch's values and gradients."""

import pytest
import torch
from conftest import IN_C
from torch import nn

from nst.kernels import compiled
from nst.kernels.max_pool import FusedMaxPool2d, fits

KINDS = [(2, 2, 0, False), (3, 2, 0, True), (3, 2, 1, False), (3, 1, 1, False), (2, 3, 1, True), (5, 2, 2, True)]
KINDS += [(2, 2, 0, True)]


def values(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Whole numbers, so that many are equal and every sum of them is exact."""
    return torch.randint(-4, 4, shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def seen(module: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    at = x.clone().requires_grad_()
    y = module(at)
    weights = torch.arange(y.numel()).view(y.shape) % 16
    return y.detach(), torch.autograd.grad((y * weights).sum(), at)[0]


@IN_C
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(12, 16), (13, 15), (3, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("channels", [64, 71])
def test_values_and_gradient_are_torch_s(kind, size, dtype, relu, channels) -> None:
    assert compiled.library() is not None
    direct = nn.MaxPool2d(*kind[:3], ceil_mode=kind[3])
    x = values(2, channels, *size, dtype=dtype)
    plain = nn.Sequential(nn.ReLU() if relu else nn.Identity(), direct)
    try:
        expected = seen(plain, x)
    except RuntimeError:
        pytest.skip("no window fits")
    for memory in (torch.contiguous_format, torch.channels_last):
        got = seen(FusedMaxPool2d(direct, relu=relu), x.to(memory_format=memory))
        assert torch.equal(got[0], expected[0])
        if relu:  # where all are 0 the gradient is stopped by the ReLU either way
            assert torch.equal(got[1] * (x > 0), expected[1] * (x > 0)) and not (got[1] * (x < 0)).any()
        else:
            assert torch.equal(got[1], expected[1])


@IN_C
def test_nan_stays_nan() -> None:
    x = torch.zeros(1, 64, 8, 8)
    x[0, 3, 2, 2] = torch.nan
    for relu in (False, True):
        assert FusedMaxPool2d(nn.MaxPool2d(2), relu=relu)(x)[0, 3].isnan().nonzero().tolist() == [[1, 1]]


@IN_C
def test_it_keeps_a_byte_for_each_pooled_value() -> None:
    kept = []
    x = torch.randn(1, 64, 32, 32, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        out = FusedMaxPool2d(nn.MaxPool2d(2), relu=True)(x)
    assert [(one.dtype, one.shape) for one in kept] == [(torch.uint8, out.shape)]


@pytest.mark.parametrize("case", ["double", "no compiler"])
def test_other_inputs_are_left_to_torch(case, monkeypatch) -> None:
    x = values(1, 64, 9, 9, dtype=torch.float64 if case == "double" else torch.float32)
    monkeypatch.setattr(compiled, "needed", lambda: pytest.fail("taken"))
    if case == "no compiler":
        monkeypatch.setattr(compiled, "library", lambda: None)
    direct = nn.MaxPool2d(3, 2, ceil_mode=True)
    assert torch.equal(FusedMaxPool2d(direct, relu=True)(x.clone()), direct(x.relu()))


@pytest.mark.parametrize(
    ("fitting", "module"),
    [
        (True, nn.MaxPool2d(3, 2)),
        (False, nn.MaxPool2d((2, 3))),
        (False, nn.MaxPool2d(2, padding=(1, 0))),
        (False, nn.MaxPool2d(2, dilation=2)),
        (False, nn.MaxPool2d(2, return_indices=True)),
        (False, nn.MaxPool2d(16)),
        (False, nn.AvgPool2d(2)),
    ],
)
def test_only_square_windows_fit(fitting, module) -> None:
    assert fits(module) == fitting
