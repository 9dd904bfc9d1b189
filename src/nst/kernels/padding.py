"""Replicate and reflect padding by copies of whole rows, for maps on a CPU with channels last."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def pad(maps: Tensor, width: tuple[int, int], mode: str) -> Tensor:
    """Pad maps on all sides, as `torch.nn.functional.pad` does, which looks at every position by itself.

    Args:
        maps: (N, C, h, w).
        width: Positions above and below, and left and right; less than h and w for `reflect`.
        mode: `reflect` or `replicate`.

    Returns:
        (N, C, h + 2 width[0], w + 2 width[1]), channels last.
    """
    out: Tensor = _Pad.apply(maps, width, mode)
    return out


class _Pad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, width: tuple[int, int], mode: str) -> Tensor:
        (n, c, h, w), (down, across) = maps.shape, width
        ctx.width, ctx.mode = width, mode
        shape = n, c, h + 2 * down, w + 2 * across
        out = torch.empty(shape, dtype=maps.dtype, memory_format=torch.channels_last)
        rows = out.narrow(-1, across, w)
        rows.narrow(-2, down, h).copy_(maps)
        for margin, source in _margins(h, down, mode):
            rows.select(-2, margin).copy_(rows.select(-2, down + source))
        for margin, source in _margins(w, across, mode):
            out.select(-1, margin).copy_(out.select(-1, across + source))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        down, across = ctx.width
        h, w = gradient.shape[-2] - 2 * down, gradient.shape[-1] - 2 * across
        rows = gradient.narrow(-1, across, w).clone(memory_format=torch.channels_last)
        for margin, source in _margins(w, across, ctx.mode):
            rows.select(-1, source).add_(gradient.select(-1, margin))
        out = rows.narrow(-2, down, h)
        for margin, source in _margins(h, down, ctx.mode):
            out.select(-2, source).add_(rows.select(-2, margin))
        return out, None, None


def _margins(length: int, width: int, mode: str) -> Iterator[tuple[int, int]]:
    """Positions of the margins, from 0 in the padded map, each with the one that it shows, from 0 in the map."""
    for k in range(width):
        yield width - 1 - k, k + 1 if mode == "reflect" else 0
        yield width + length + k, length - 2 - k if mode == "reflect" else length - 1
