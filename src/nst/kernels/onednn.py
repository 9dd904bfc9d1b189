"""Fused operators of oneDNN that PyTorch registers for its own compiler (`torch.ops.mkldnn`), called directly."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nst.kernels.switch import enabled

CONVOLUTION = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
REORDER = getattr(torch.ops.mkldnn, "_reorder_convolution_weight", None)
LINEAR = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
HAS_BFLOAT16 = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)

Options = tuple[list[int], list[int], list[int], int]
"""Padding, stride, dilation and groups of a convolution."""


def supports(device: torch.device, dtype: torch.dtype) -> bool:
    """Tell whether this build and this processor have the operators for maps of a dtype."""
    if not enabled() or None in (CONVOLUTION, REORDER, LINEAR):
        return False
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return device.type == "cpu" and (dtype == torch.float32 or (dtype == torch.bfloat16 and HAS_BFLOAT16()))


def prepack(weight: Tensor, options: Options, size: Sequence[int]) -> Tensor:
    """Return weights, (O, C / groups, h, w), in the layout that is best for inputs of a size; for `conv2d` alone."""
    assert REORDER is not None  # see `supports`
    out: Tensor = REORDER(weight.contiguous(memory_format=torch.channels_last), *options, list(size))
    return out


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, options: Options, *, relu: bool = False) -> Tensor:
    """Convolve x, (N, C, H, W), with prepacked weights, add the bias, and apply a ReLU if asked; no autograd."""
    assert CONVOLUTION is not None  # see `supports`
    out: Tensor = CONVOLUTION(x, weight, bias, *options, "relu" if relu else "none", [], "")
    return out


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return `F.linear(x, weight, bias)`: (P, O) of (P, C), (O, C) and (O); no autograd."""
    assert LINEAR is not None  # see `supports`
    out: Tensor = LINEAR(x, weight, bias, "none", [], "")
    return out
