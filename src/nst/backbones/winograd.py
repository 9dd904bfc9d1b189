"""Convolutions of 3 x 3 with a quarter of the products, for frozen weights on a processor without 16-bit arithmetic."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

BT = torch.tensor(
    [
        [4.0, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
G = torch.tensor([[6.0, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
AT = torch.tensor([[1.0, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
OUT, IN = len(AT), len(BT)  # edges of a square of outputs, and of the inputs that it depends on
ROOM = 2**23  # bytes of a band of squares while it is computed: it shall stay in the caches
LEAST = 128  # channels: of fewer, changing to and fro costs more than the products that are spared
FEWEST = 16  # squares: of a smaller map, likewise


class Winograd(nn.Module):
    """A frozen 3 x 3 convolution by Winograd's minimal filtering, F(4 x 4, 3 x 3).

    `Y = A^T [(G g G^T) * (B^T d B)] A` for each square d of 6 x 6 inputs and its Y of 4 x 4 outputs: 36 products in
    the place of 144. The products of all squares are one matrix product for each of the 36 frequencies. The gradient
    goes back through the transposed steps and reads the same filters. Exact but for float32's rounding: 1e-5 of the
    largest value, where the direct sum has 1e-6.

    What it can't do faster it leaves to `direct`: other precisions, other devices, small maps.

    Args:
        direct: 3 x 3, stride 1, zeros for a padding of 1.

    Source: Lavin & Gray 2016 (arXiv 1509.09308), section 4.
    """

    def __init__(self, direct: nn.Conv2d) -> None:
        super().__init__()
        self.direct = direct

    @cached_property
    def filters(self) -> Tensor:
        """`G g G^T`, (36, C, O), made when first they are needed: four times as large as the weights."""
        return torch.einsum("ai,ocij,bj->abco", G, self.direct.weight.detach(), G).flatten(0, 1).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, O, h, w) of x, (N, C, h, w)."""
        if not self.pays(x):
            out: Tensor = self.direct(x)
            return out
        convolved: Tensor = _Convolution.apply(x, self.filters, self.direct.bias)
        return convolved

    @staticmethod
    def pays(x: Tensor) -> bool:
        """Tell whether x is what this is faster for."""
        plain = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        return plain and x.shape[-2] * x.shape[-1] >= FEWEST * OUT**2


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
    def forward(ctx: Any, x: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
        ctx.filters = filters  # a constant: not among what is saved for each pixel
        n, c, height, width = x.shape
        down, across, o = -(-height // OUT), -(-width // OUT), filters.shape[2]
        over = down * OUT - height, across * OUT - width
        padded = F.pad(x, (1, 1 + over[1], 1, 1 + over[0])).permute(0, 2, 3, 1)
        squares = padded.unfold(1, IN, OUT).unfold(2, IN, OUT).permute(0, 4, 5, 1, 2, 3)  # (N, 6, 6, down, across, C)
        shape = n, o, down * OUT, across * OUT
        whole = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
        out = whole.permute(0, 2, 3, 1).view(n, down, OUT, across, OUT, o)
        to, back = torch.kron(BT, BT).to(x), torch.kron(AT, AT).to(x)
        for i, rows in _bands(n, down, across * max(c, o)):
            d = squares[i, :, :, rows].reshape(IN**2, -1)
            m = torch.bmm((to @ d).view(IN**2, -1, c), filters)
            y = (back @ m.view(IN**2, -1)).view(OUT, OUT, -1, across, o).permute(2, 0, 3, 1, 4)
            out[i, rows] = y if bias is None else y + bias
        if not any(over):
            return whole
        return whole[..., :height, :width].clone(memory_format=torch.channels_last)  # no view: a ReLU may write over it

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        filters = ctx.filters
        n, o, height, width = gradient.shape
        down, across, c = -(-height // OUT), -(-width // OUT), filters.shape[1]
        over = down * OUT - height, across * OUT - width
        padded = F.pad(gradient, (0, over[1], 0, over[0])).permute(0, 2, 3, 1).contiguous()
        squares = padded.view(n, down, OUT, across, OUT, o).permute(0, 2, 4, 1, 3, 5)
        out = gradient.new_zeros(n, down + 1, OUT, across + 1, OUT, c)  # a square of 6 x 6 reaches into the next ones
        to, back = (torch.kron(one, one).T.to(gradient).contiguous() for one in (AT, BT))
        both, rest = slice(OUT), slice(OUT, IN)
        for i, rows in _bands(n, down, across * max(c, o)):
            d = squares[i, :, :, rows].reshape(OUT**2, -1)
            m = torch.bmm((to @ d).view(IN**2, -1, o), filters.transpose(1, 2))
            y = (back @ m.view(IN**2, -1)).view(IN, IN, -1, across, c).permute(2, 0, 3, 1, 4)  # (rows, 6, across, 6, C)
            after = slice(rows.start + 1, rows.stop + 1)
            out[i, rows, :, :-1] += y[:, both, :, both]
            out[i, after, : IN - OUT, :-1] += y[:, rest, :, both]
            out[i, rows, :, 1:, : IN - OUT] += y[:, both, :, rest]
            out[i, after, : IN - OUT, 1:, : IN - OUT] += y[:, rest, :, rest]
        whole = out.view(n, (down + 1) * OUT, (across + 1) * OUT, c)
        return whole[:, 1 : 1 + height, 1 : 1 + width].permute(0, 3, 1, 2), None, None


def _bands(pictures: int, rows: int, row: int) -> Iterator[tuple[int, slice]]:
    """Pairs of a picture and some of its rows of squares, of `row` values for each frequency."""
    step = max(1, ROOM // (4 * IN**2 * row))
    for i in range(pictures):
        for top in range(0, rows, step):
            yield i, slice(top, min(top + step, rows))
