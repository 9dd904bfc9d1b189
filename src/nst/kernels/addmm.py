"""Matrix product and bias in one pass, by oneDNN where it supports the input."""

import torch
from torch import Tensor

from nst.kernels import onednn


def addmm(bias: Tensor, x: Tensor, matrix: Tensor) -> Tensor:
    """Return `torch.addmm(bias, x, matrix)`, that is `x matrix + bias`, without a gradient.

    PyTorch's own operator first fills the output with P copies of the bias; oneDNN's does not.

    Args:
        bias: (O).
        x: (P, I).
        matrix: (I, O).

    Returns:
        (P, O).
    """
    if onednn.supports(x.device, x.dtype):
        return onednn.linear(x, matrix.T, bias)
    return torch.addmm(bias, x, matrix)
