"""Padding by copies is PyTorch's, with its gradient."""

import pytest
import torch
import torch.nn.functional as F

from nst.kernels.padding import pad


@pytest.mark.parametrize("mode", ["replicate", "reflect"])
@pytest.mark.parametrize("width", [(1, 1), (3, 2), (0, 1), (2, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(2, 5, 7, 9), (1, 3, 4, 4)])
def test_values_and_gradient_are_pytorch_s(mode, width, dtype, size):
    x = torch.randn(size, generator=torch.Generator().manual_seed(0)).to(dtype)
    (down, across), found = width, []
    for padded in (lambda at: pad(at, width, mode), lambda at: F.pad(at, (across, across, down, down), mode=mode)):
        at = x.clone().requires_grad_()
        out = padded(at)
        ramp = torch.linspace(-1, 1, out.numel(), dtype=dtype).view(out.shape)
        (gradient,) = torch.autograd.grad(out, at, ramp)
        found.append((out.detach(), gradient))
    (ours, mine), (theirs, expected) = found
    assert torch.equal(ours, theirs)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    near = {torch.float32: 1e-6, torch.bfloat16: 0.016}[dtype]  # corners are sums of several, in another order
    assert (mine - expected).abs().max() <= near * expected.abs().max()


def test_a_gradient_that_others_use_too_is_left_as_it_is():
    x = torch.randn(1, 2, 4, 5, requires_grad=True)
    given = torch.randn(1, 2, 6, 7).contiguous(memory_format=torch.channels_last)
    before = given.clone()
    torch.autograd.grad(pad(x, (1, 1), "replicate"), x, given)
    assert torch.equal(given, before)
