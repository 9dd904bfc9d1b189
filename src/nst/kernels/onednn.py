"""Operators of oneDNN that do several things in one pass, as torch's compiler takes them; here without it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nst.kernels.switch import enabled

CONVOLUTION = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
ORDER = getattr(torch.ops.mkldnn, "_reorder_convolution_weight", None)
LINEAR = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
KNOWS_BF16 = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)

Numbers = tuple[list[int], list[int], list[int], int]
"""Padding, stride, dilation and groups of a convolution."""


def takes(device: torch.device, kind: torch.dtype) -> bool:
    """Tell whether there are such operators for maps of this kind, where this runs."""
    if not enabled() or None in (CONVOLUTION, ORDER, LINEAR):
        return False
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return device.type == "cpu" and (kind == torch.float32 or (kind == torch.bfloat16 and KNOWS_BF16()))


def ordered(weight: Tensor, numbers: Numbers, size: Sequence[int]) -> Tensor:
    """Return weights, (O, C / groups, h, w), in the best order for maps of a size, which `convolved` alone reads."""
    assert ORDER is not None  # `takes` told
    out: Tensor = ORDER(weight.contiguous(memory_format=torch.channels_last), *numbers, list(size))
    return out


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, numbers: Numbers, *, rectify: bool = False) -> Tensor:
    """Convolve x, (N, C, H, W), add the bias and rectify; differentiable by the caller alone."""
    assert CONVOLUTION is not None  # `takes` told
    out: Tensor = CONVOLUTION(x, weight, bias, *numbers, "relu" if rectify else "none", [], "")
    return out


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return `F.linear(x, weight, bias)`: (P, O) of (P, C), (O, C) and (O); without a gradient."""
    assert LINEAR is not None  # `takes` told
    out: Tensor = LINEAR(x, weight, bias, "none", [], "")
    return out
