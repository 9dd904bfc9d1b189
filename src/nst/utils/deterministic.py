"""What CUDA adds in any order, in an order where that is asked for: `trainer.deterministic=true`.

Without these, the gradients of reflection and of sampling, and running sums, are an error there. Those of indexing and
gathering have an order then.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def pad(maps: Tensor, width: int | tuple[int, int], mode: str) -> Tensor:
    """Pad maps on all sides, as `torch.nn.functional.pad` does.

    Args:
        maps: (N, C, h, w).
        width: Positions on each side, less than h and w for `reflect`; two numbers: above and below, left and right.
        mode: `reflect` or `replicate`.
    """
    down, across = (width, width) if isinstance(width, int) else width
    if mode == "reflect" and _is_asked_for(maps):
        rows, columns = (_reflected(maps.shape[d], n, maps.device) for d, n in ((-2, down), (-1, across)))
        return maps[..., rows[:, None], columns]
    return F.pad(maps, (across, across, down, down), mode=mode)


def grid_sample(maps: Tensor, grid: Tensor) -> Tensor:
    """Interpolate maps bilinearly, as `torch.nn.functional.grid_sample` does; outside, they go on as their edge.

    Args:
        maps: (N, C, h, w).
        grid: Where, (N, p, q, 2): x and y in [-1, 1] from edge to edge; it gets no gradient.

    Returns:
        (N, C, p, q).
    """
    if _is_asked_for(maps):
        return _gathered(maps, grid)
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)


def cumsum(values: Tensor) -> Tensor:
    """Return the running sums over the first dimension; in order, the processor adds them."""
    if _is_asked_for(values):
        return values.cpu().cumsum(0).to(values.device)
    return values.cumsum(0)


def _is_asked_for(values: Tensor) -> bool:
    return values.is_cuda and torch.are_deterministic_algorithms_enabled()


def _reflected(length: int, width: int, device: torch.device) -> Tensor:
    """Indices of the positions from -width to length + width."""
    positions = torch.arange(-width, length + width, device=device).abs()
    return (length - 1) - ((length - 1) - positions).abs()


def _gathered(maps: Tensor, grid: Tensor) -> Tensor:
    """Sum the four neighbours of each place, by their shares."""
    height, width = maps.shape[-2:]
    x, y = (((grid[..., i] + 1) * n - 1).div(2).clamp(0, n - 1) for i, n in ((0, width), (1, height)))  # (N, p, q)
    left, top = x.floor(), y.floor()
    across, down = x - left, y - top
    flat = maps.flatten(2)
    out = maps.new_zeros(())
    for row, share_down in ((top, 1 - down), ((top + 1).clamp_max(height - 1), down)):
        for column, share_across in ((left, 1 - across), ((left + 1).clamp_max(width - 1), across)):
            index = (row.long() * width + column.long()).flatten(1)[:, None].expand(-1, maps.shape[1], -1)
            out = out + (share_down * share_across)[:, None] * flat.gather(2, index).view(
                -1, maps.shape[1], *x.shape[1:]
            )
    return out
