"""Convolutions of 3 x 3 with a quarter of the products, for frozen weights on a processor without 16-bit arithmetic."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nst.kernels import compiled
from nst.kernels.conv_relu import Convolution, Taps, twice
from nst.kernels.winograd_steps import IN, OUT, steps

G = torch.tensor([[9.0, 0, 0], [-9, -9, -9], [1, -1, 1], [2, 4, 8], [8, 4, 2], [0, 0, 9]]) / 9
ROOM = 2**23  # bytes of a band of squares while it is computed: it shall stay in the caches
LEAST, LEAST_WITHOUT = 48, 128  # channels, with the steps in C and without: of fewer, changing to and fro costs more
FEWEST = 16  # squares: of a smaller map, likewise


class Winograd(Convolution):
    """A frozen 3 x 3 convolution by Winograd's minimal filtering, F(4 x 4, 3 x 3), and the rectifier behind it.

    `Y = A^T [(G g G^T) * (B^T d B)] A` for each square d of 6 x 6 inputs and its Y of 4 x 4 outputs: 36 products in
    the place of 144. The products of all squares are one matrix product for each of the 36 frequencies. Exact but for
    float32's rounding: 1e-5 of the largest value, where the direct sum has 1e-6.

    What it can't do faster is done as a `Convolution` does it: other precisions, small maps.

    Args:
        direct: 3 x 3, stride 1, zeros for a padding of 1.
        rectify: Whether a ReLU follows, whose argument nobody else reads.

    Source: Lavin & Gray 2016 (arXiv 1509.09308), section 4. Where we differ: they evaluate at 0, 1, -1, 2, -2 and
    infinity, we at 0, 1, -1, 2, 1/2 and infinity, which are their own inverses: a filter turned by half a circle, which
    the gradient is convolved with, has the same frequencies in another order. One bank of filters does for both ways.
    """

    @property
    def filters(self) -> Tensor:
        """`G g G^T`, (36, C, O), made when first they are needed: four times as large as the weights."""
        found: Tensor = self.kept.get_or_make("filters", torch.float32, self._filters)
        return found

    def _filters(self) -> Tensor:
        return torch.einsum("ai,ocij,bj->abco", G, self.direct.weight.detach(), G).flatten(0, 1).contiguous()

    def forward(self, x: Tensor) -> Taps:
        """Return (N, O, h, w) of x, (N, C, h, w)."""
        if self.pays(x):
            return twice(_Convolution.apply(x, self.filters, self.direct.bias, self.rectify), self.taps)
        return super().forward(x)

    def pays(self, x: Tensor) -> bool:
        """Tell whether x is what this is faster for."""
        plain = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        if not plain or x.shape[-2] * x.shape[-1] < FEWEST * OUT**2:
            return False
        return min(self.direct.in_channels, self.direct.out_channels) >= (
            LEAST if compiled.library() else LEAST_WITHOUT
        )


def fits(module: nn.Module) -> bool:
    """Tell whether a module is a convolution of this kind, with channels enough."""
    return (
        isinstance(module, nn.Conv2d)
        and (module.kernel_size, module.stride, module.dilation) == ((3, 3), (1, 1), (1, 1))
        and (module.padding, module.padding_mode, module.groups) == ((1, 1), "zeros", 1)
        and module.in_channels >= LEAST
        and module.out_channels >= LEAST
    )


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, filters: Tensor, bias: Tensor | None, rectify: bool) -> Tensor:
        ctx.filters = filters  # a constant: not among what is saved for each pixel
        out = _convolved(x, filters, bias=bias, rectify=rectify)
        ctx.save_for_backward(*([out] if rectify else []))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        mask = ctx.saved_tensors[0] if ctx.saved_tensors else None
        return _convolved(gradient, ctx.filters.transpose(1, 2), mask=mask, turned=True), None, None, None


def _convolved(
    x: Tensor,
    filters: Tensor,
    *,
    bias: Tensor | None = None,
    rectify: bool = False,
    mask: Tensor | None = None,
    turned: bool = False,
) -> Tensor:
    """Convolve x, taken for 0 where mask is not above 0, with filters, or with these turned by half a circle."""
    (n, _, height, width), o = x.shape, filters.shape[2]
    out = torch.empty((n, o, height, width), dtype=x.dtype, memory_format=torch.channels_last)
    bias = x.new_zeros(o) if bias is None else bias
    least = 0.0 if rectify else -math.inf
    way = steps(x.dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    mask = None if mask is None else mask.contiguous(memory_format=torch.channels_last)
    for i, first, rows in _bands(x, o):
        m = way.frequencies(x[i], None if mask is None else mask[i], first, rows, turned=turned)
        way.outputs(torch.bmm(m, filters), bias, least, out[i], first, rows, turned=turned)
    return out


def _bands(x: Tensor, channels: int) -> Iterator[tuple[int, int, int]]:
    """A picture of the batch, its first row of squares that is to be done, and how many of them."""
    n, c, height, width = x.shape
    down, across = -(-height // OUT), -(-width // OUT)
    step = max(1, ROOM // (4 * IN**2 * across * max(c, channels)))
    for i in range(n):
        for first in range(0, down, step):
            yield i, first, min(step, down - first)
