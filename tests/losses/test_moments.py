"""The matrix of moments against NumPy, and its own backward pass against float64."""

import numpy as np
import pytest
import torch

from nst.losses.moments import moments


def test_moments_hold_gram_matrix_sums_and_count() -> None:
    f = torch.randn(1, 4, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    m = moments(f).numpy()
    flat = f[0].flatten(1).numpy()
    assert np.allclose(m[:4, :4], np.einsum("ip,jp->ij", flat, flat))
    assert np.allclose(m[:4, 4], flat.sum(1))
    assert np.allclose(m[4, :4], flat.sum(1))
    assert m[4, 4] == 30


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("masked", [False, True])
def test_the_gradient_equals_that_in_float64(memory, dtype, masked) -> None:
    generator = torch.Generator().manual_seed(0)
    f = torch.randn(1, 24, 40, 33, generator=generator).to(dtype).to(memory_format=memory)
    mask = torch.rand(1, 1, 40, 33, generator=generator).to(dtype) if masked else None
    weights = torch.randn(25, 25, generator=generator).to(dtype)
    found = []
    for kind in (dtype, torch.float64):
        features = f.to(kind).requires_grad_()
        m = moments(features, None if mask is None else mask.to(kind))
        found.append((m.double(), torch.autograd.grad((m * weights.to(m.dtype)).sum(), features)[0].double()))
    for got, expected in zip(*found, strict=True):
        assert (got - expected).norm() < (0.01 if dtype == torch.bfloat16 else 1e-5) * expected.norm()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_is_true_and_keeps_the_memory_format(memory, masked) -> None:
    generator = torch.Generator().manual_seed(0)
    f = torch.randn(1, 3, 4, 5, dtype=torch.float64, generator=generator).to(memory_format=memory).requires_grad_()
    mask = torch.rand(1, 1, 4, 5, dtype=torch.float64, generator=generator) if masked else None
    assert torch.autograd.gradcheck(lambda x: moments(x, mask), f)
    (gradient,) = torch.autograd.grad(moments(f, mask).sum(), f)
    assert gradient.is_contiguous(memory_format=memory)
