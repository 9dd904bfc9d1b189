"""Winograd's convolution: frozen 3 x 3 filters with a quarter of the multiplications, in float32 on a CPU."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nst.kernels import compiled
from nst.kernels.conv_relu import FusedConv2d, Output, alias
from nst.kernels.padding import pad

G = torch.tensor([[9.0, 0, 0], [-9, -9, -9], [1, -1, 1], [2, 4, 8], [8, 4, 2], [0, 0, 9]]) / 9
IN, OUT = 6, 4  # edges of a tile of inputs and of its outputs
CACHE = 2**23  # bytes of transformed tiles at a time, so that they stay in the processor's caches
FEWEST_CHANNELS = 48  # with fewer the transforms cost more than the multiplications saved
FEWEST_TILES = 16  # likewise for a smaller map


class WinogradConv2d(FusedConv2d):
    """A frozen 3 x 3 convolution by Winograd's minimal filtering F(4 x 4, 3 x 3), with the ReLU after it.

    `Y = A^T [(G g G^T) * (B^T d B)] A` for each tile d of 6 x 6 inputs and its 4 x 4 outputs Y: 36 multiplications
    where the direct sum has 144. Over all tiles and channels they are 36 matrix products; the transforms around them
    are C. It is exact but for float32 rounding: 1e-5 of the largest value, where the direct sum has 1e-6.

    Everything else goes the way of a `FusedConv2d`: other dtypes and devices, small maps, no compiler.

    Args:
        conv: 3 x 3, stride 1, with a padding of 1: zeros, replicate or reflect.
        relu: Whether a ReLU follows.

    Source: Lavin & Gray 2016 (arXiv 1509.09308), section 4.

    Differs: they evaluate the polynomials at 0, 1, -1, 2, -2 and infinity, we at 0, 1, -1, 2, 1/2 and infinity, a set
    that is closed under inversion. A filter rotated by 180 degrees, with which the gradient is convolved, then has the
    same transform in another order, so one set of transformed filters serves forward and backward.
    """

    @property
    def filters(self) -> Tensor:
        """`G g G^T`, (36, C, O), computed on first use: four times as large as the weights."""
        filters: Tensor = self.cache.get_or_make("filters", torch.float32, self._filters)
        return filters

    def _filters(self) -> Tensor:
        return torch.einsum("ai,ocij,bj->abco", G, self.conv.weight.detach(), G).flatten(0, 1).contiguous()

    def forward(self, x: Tensor) -> Output:
        """Return (N, O, h, w) of x, (N, C, h, w)."""
        if not self.pays(x):
            return super().forward(x)
        padding, mode = 1, self.conv.padding_mode
        if mode != "zeros":
            x, padding = pad(x, (1, 1), mode), 0
        return alias(_WinogradConv.apply(x, self.filters, self.conv.bias, self.relu, padding), self.two_aliases)

    def pays(self, x: Tensor) -> bool:
        """Tell whether this is possible, and faster, for x."""
        plain = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        return plain and x.shape[-2] * x.shape[-1] >= FEWEST_TILES * OUT**2 and compiled.library() is not None


def fits(module: nn.Module) -> bool:
    """Tell whether a module is a convolution that `WinogradConv2d` can do, with enough channels."""
    return (
        isinstance(module, nn.Conv2d)
        and (module.kernel_size, module.stride, module.dilation) == ((3, 3), (1, 1), (1, 1))
        and (module.padding, module.groups) == ((1, 1), 1)
        and module.padding_mode in ("zeros", "replicate", "reflect")
        and min(module.in_channels, module.out_channels) >= FEWEST_CHANNELS
    )


class _WinogradConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, filters: Tensor, bias: Tensor | None, relu: bool, padding: int) -> Tensor:
        ctx.filters = filters  # a constant, so not among the saved tensors, which are counted per pixel
        ctx.padding = 2 - padding
        out = _convolve(x, filters, padding, bias=bias, relu=relu)
        ctx.save_for_backward(*([out] if relu else []))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        mask = ctx.saved_tensors[0] if ctx.saved_tensors else None
        found = _convolve(gradient, ctx.filters.transpose(1, 2), ctx.padding, mask=mask, flipped=True)
        return found, None, None, None, None


def _convolve(
    x: Tensor,
    filters: Tensor,
    padding: int,
    *,
    bias: Tensor | None = None,
    relu: bool = False,
    mask: Tensor | None = None,
    flipped: bool = False,
) -> Tensor:
    """Convolve x, set to 0 where mask is not above 0, with filters, (36, C, O), or these rotated by 180 degrees.

    Around x there are `padding` zeros, 0 to 2 on each side.
    """
    (n, c, *size), o = x.shape, filters.shape[2]
    height, width = (edge + 2 * padding - 2 for edge in size)
    library, threads = compiled.needed(), torch.get_num_threads()
    x = x.contiguous(memory_format=torch.channels_last)
    mask = None if mask is None else mask.contiguous(memory_format=torch.channels_last)
    out = torch.empty((n, o, height, width), dtype=x.dtype, memory_format=torch.channels_last)
    bias = x.new_zeros(o) if bias is None else bias
    least = 0.0 if relu else -math.inf
    for i, first, rows in _bands(out, c):
        tiles = x.new_empty(IN**2, rows * -(-width // OUT), c)
        masked = None if mask is None else mask[i].data_ptr()
        library.winograd_input(
            x[i].data_ptr(), masked, tiles.data_ptr(), *size, c, first, rows, flipped, padding, threads
        )
        product = torch.bmm(tiles, filters)
        addresses = product.data_ptr(), bias.data_ptr(), least, out[i].data_ptr()
        library.winograd_output(*addresses, height, width, o, first, rows, flipped, threads)
    return out


def _bands(out: Tensor, channels: int) -> Iterator[tuple[int, int, int]]:
    """An image of the batch, the first of the rows of tiles that are computed together, and their number."""
    n, c, height, width = out.shape
    down, across = -(-height // OUT), -(-width // OUT)
    step = max(1, CACHE // (4 * IN**2 * across * max(c, channels)))
    for i in range(n):
        for first in range(0, down, step):
            yield i, first, min(step, down - first)
