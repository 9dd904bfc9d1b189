"""The image of a Laplacian pyramid, and its gradient."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from nst.kernels import compiled


def laplacian_join(levels: Tensor, sizes: Sequence[tuple[int, int]], factors: Sequence[float]) -> Tensor:
    """Sum a scaled Laplacian pyramid: enlarge each level bilinearly (align_corners=False) and add the next finer one.

    In float32 on a CPU this is C, whose gradient takes a fifth of the time of PyTorch's.

    Args:
        levels: (N, C, n): the levels, fine to coarse, each flattened.
        sizes: (height, width) of each level, pixels.
        factors: What each level is multiplied by first.

    Returns:
        (N, C, H, W), of the finest size.
    """
    plain = levels.device.type == "cpu" and levels.dtype == torch.float32 and len(levels) == 1
    if plain and len(sizes) > 1 and compiled.library() is not None:
        joined: Tensor = _Join.apply(levels, sizes, factors)
        return joined
    *finer, image = _scaled(_levels(levels, sizes), factors)
    for level in reversed(finer):
        image = F.interpolate(image, tuple(level.shape[-2:]), mode="bilinear", align_corners=False).add_(level)
    return image


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, sizes: Sequence[tuple[int, int]], factors: Sequence[float]) -> Tensor:
        ctx.sizes, ctx.factors, ctx.shape = sizes, factors, values.shape
        *finer, image = _scaled(_levels(values.contiguous(), sizes), factors)
        for level in reversed(finer):
            larger = level.new_empty(level.shape)
            _call(compiled.needed().upsample_add, (image, level, larger), image, level)
            image = larger
        return image

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        out = gradient.new_empty(ctx.shape)
        levels = _levels(out, ctx.sizes)
        levels[0].copy_(gradient)
        for large, small in pairwise(levels):
            _call(compiled.needed().upsample_add_backward, (large, small), small, large)
        for level, factor in zip(levels, ctx.factors, strict=True):
            if factor != 1:
                level.mul_(factor)
        return out, None, None


def _levels(values: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Views of the levels, (N, C, h, w) each."""
    parts = torch.split(values, [height * width for height, width in sizes], dim=2)
    return [part.unflatten(2, size) for part, size in zip(parts, sizes, strict=True)]  # type: ignore[no-untyped-call]


def _scaled(levels: Sequence[Tensor], factors: Sequence[float]) -> list[Tensor]:
    """The levels times their factors; those with a factor of 1 are not copied."""
    return [level if factor == 1 else factor * level for level, factor in zip(levels, factors, strict=True)]


def _call(function: Any, maps: Sequence[Tensor], small: Tensor, large: Tensor) -> None:
    pointers, strides = [one.data_ptr() for one in maps], [one.stride(1) for one in maps]
    lengths = small.shape[1], *small.shape[-2:], *large.shape[-2:]
    if function(*pointers, *strides, *lengths, torch.get_num_threads()):
        raise MemoryError("no memory for a row of the picture")
