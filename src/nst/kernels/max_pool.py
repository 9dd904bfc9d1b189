"""Max pooling in C, for maps with their channels innermost on a processor, and the rectifier before it."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nst.kernels import compiled

MOST = 15  # edge of a window: its places are numbered in a byte


class Pool(nn.Module):
    """A max pooling, and the rectifier before it where nobody else reads that.

    It keeps a byte for each pooled value, torch eight; both ways use all cores, where torch's gradient of one picture
    with its channels innermost uses one. A rectifier before it costs nothing, and its map is not kept at all. No value
    changes, but for gradients in 16 bits: where windows overlap they are added up in 32.

    What it can't do it leaves to `direct`: other precisions, other devices.

    Args:
        direct: The pooling that it does.
        rectify: Whether a ReLU goes before.
    """

    def __init__(self, direct: nn.MaxPool2d, *, rectify: bool = False) -> None:
        super().__init__()
        self.direct = direct
        self.rectify = rectify

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, h, w) of x, (N, C, H, W)."""
        fits = x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16)
        if not fits or compiled.library() is None:
            out: Tensor = self.direct(x.relu() if self.rectify else x)
            return out
        pooled: Tensor = _Pooled.apply(x, self._windows(x), self.rectify)
        return pooled

    def _windows(self, x: Tensor) -> tuple[int, ...]:
        """Windows down and across, their edge, stride and padding."""
        edge, stride, padding = _numbers(self.direct)
        return *(_count(n, edge, stride, padding, self.direct.ceil_mode) for n in x.shape[-2:]), edge, stride, padding


def fits(module: nn.Module) -> bool:
    """Tell whether a module is a max pooling of this kind."""
    if not isinstance(module, nn.MaxPool2d) or module.return_indices or module.dilation != 1:
        return False
    return len(_numbers(module)) == 3 and _numbers(module)[0] <= MOST


def _numbers(module: nn.MaxPool2d) -> list[int]:
    """Edge, stride and padding of square windows; of others, fewer than these."""
    return [number for number in (module.kernel_size, module.stride, module.padding) if isinstance(number, int)]


def _count(length: int, edge: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """Windows along an axis: with `ceil_mode` also one that ends outside, if it begins inside."""
    more = stride - 1 if ceil_mode else 0
    count = (length + 2 * padding - edge + more) // stride + 1
    return count - (ceil_mode and (count - 1) * stride >= length + padding)


class _Pooled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, windows: tuple[int, ...], rectify: bool) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        n, c, height, width = x.shape
        ctx.sizes = n, height, width, c, *windows
        out = torch.empty((n, c, *windows[:2]), dtype=x.dtype, memory_format=torch.channels_last)
        places = torch.empty_like(out, dtype=torch.uint8)
        half, threads = x.dtype == torch.bfloat16, torch.get_num_threads()
        compiled.needed().pool(x.data_ptr(), out.data_ptr(), places.data_ptr(), *ctx.sizes, half, rectify, threads)
        ctx.save_for_backward(places)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        n, height, width, c = ctx.sizes[:4]
        out = torch.empty((n, c, height, width), dtype=gradient.dtype, memory_format=torch.channels_last)
        where = gradient.data_ptr(), places.data_ptr(), out.data_ptr()
        half = gradient.dtype == torch.bfloat16
        compiled.needed().pool_gradient(*where, *ctx.sizes, half, torch.get_num_threads())
        return out, None, None
