"""Padding whose gradient is the same each time, on a GPU too, where that is asked for."""

import torch
import torch.nn.functional as F
from torch import Tensor


def pad(maps: Tensor, width: int, mode: str) -> Tensor:
    """Pad maps on all sides, as `torch.nn.functional.pad` does.

    CUDA's gradient of reflection adds in any order, and is an error with `trainer.deterministic=true`; that of indexing
    then has an order.

    Args:
        maps: (N, C, h, w).
        width: Positions on each side, less than h and w for `reflect`.
        mode: `reflect` or `replicate`.
    """
    if mode == "reflect" and maps.is_cuda and torch.are_deterministic_algorithms_enabled():
        rows, columns = (_reflected(length, width, maps.device) for length in maps.shape[-2:])
        return maps[..., rows[:, None], columns]
    return F.pad(maps, (width,) * 4, mode=mode)


def _reflected(length: int, width: int, device: torch.device) -> Tensor:
    """Indices of the positions from -width to length + width."""
    positions = torch.arange(-width, length + width, device=device).abs()
    return (length - 1) - ((length - 1) - positions).abs()
