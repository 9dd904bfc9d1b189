"""ReLU + max pooling of channels-last maps in one operator, in C."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nst.kernels import compiled

LARGEST_EDGE = 15  # of a window: the position of its maximum fits into a byte


class FusedMaxPool2d(nn.Module):
    """A max pooling, with the ReLU before it where nothing else reads the ReLU's output.

    It keeps one byte for each pooled value, where PyTorch keeps eight, and nothing of the ReLU. Backward uses all
    cores, where PyTorch's gradient of one channels-last image uses one. Values are PyTorch's; in bfloat16 the gradients
    of overlapping windows are added in float32.

    Other dtypes and devices are left to `pool`.

    Args:
        pool: A pooling that `fits`.
        relu: Whether a ReLU comes first.
    """

    def __init__(self, pool: nn.MaxPool2d, *, relu: bool = False) -> None:
        super().__init__()
        self.pool = pool
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, h, w) of x, (N, C, H, W)."""
        supported = x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16)
        if not supported or compiled.library() is None:
            out: Tensor = self.pool(x.relu() if self.relu else x)
            return out
        pooled: Tensor = _MaxPool.apply(x, self._windows(x), self.relu)
        return pooled

    def _windows(self, x: Tensor) -> tuple[int, ...]:
        """Number of windows down and across, their edge, stride and padding."""
        edge, stride, padding = _square(self.pool)
        return *(_count(n, edge, stride, padding, self.pool.ceil_mode) for n in x.shape[-2:]), edge, stride, padding


def fits(module: nn.Module) -> bool:
    """Tell whether a module is a max pooling that `FusedMaxPool2d` can do."""
    if not isinstance(module, nn.MaxPool2d) or module.return_indices or module.dilation != 1:
        return False
    return len(_square(module)) == 3 and _square(module)[0] <= LARGEST_EDGE


def _square(module: nn.MaxPool2d) -> list[int]:
    """Edge, stride and padding of square windows; fewer numbers for others."""
    return [number for number in (module.kernel_size, module.stride, module.padding) if isinstance(number, int)]


def _count(length: int, edge: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """Number of windows along an axis; with `ceil_mode` the last may end outside, if it starts inside."""
    more = stride - 1 if ceil_mode else 0
    count = (length + 2 * padding - edge + more) // stride + 1
    return count - (ceil_mode and (count - 1) * stride >= length + padding)


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, windows: tuple[int, ...], relu: bool) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        n, c, height, width = x.shape
        ctx.sizes = n, height, width, c, *windows
        out = torch.empty((n, c, *windows[:2]), dtype=x.dtype, memory_format=torch.channels_last)
        places = torch.empty_like(out, dtype=torch.uint8)
        addresses = x.data_ptr(), out.data_ptr(), places.data_ptr()
        compiled.needed().max_pool(*addresses, *ctx.sizes, x.dtype == torch.bfloat16, relu, torch.get_num_threads())
        ctx.save_for_backward(places)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        n, height, width, c = ctx.sizes[:4]
        out = torch.empty((n, c, height, width), dtype=gradient.dtype, memory_format=torch.channels_last)
        addresses = gradient.data_ptr(), places.data_ptr(), out.data_ptr()
        is_bfloat16 = gradient.dtype == torch.bfloat16
        compiled.needed().max_pool_backward(*addresses, *ctx.sizes, is_bfloat16, torch.get_num_threads())
        return out, None, None
