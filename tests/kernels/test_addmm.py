"""Matrix product and bias against torch's operator."""

import pytest
import torch

from nst.kernels.addmm import addmm


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_equals_torch(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    bias, x, matrix = (torch.randn(*size, generator=generator).to(dtype) for size in ((3,), (50, 4), (4, 3)))
    expected = torch.addmm(bias.double(), x.double(), matrix.double())
    tolerance = 0.05 if dtype == torch.bfloat16 else 1e-5  # of sums of four products: 8 bits, 24 bits
    torch.testing.assert_close(addmm(bias, x, matrix).double(), expected, rtol=tolerance, atol=tolerance)
