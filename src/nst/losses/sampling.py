"""Positions of feature maps as rows, drawn at random but always the same for a draw: what bounds the patch losses."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.losses.base import Stats


def pick(count: int, mask: Tensor | None, *, most: int, draw: int) -> Tensor:
    """Return the indices of up to `most` of the `count` positions where the mask is not 0, shuffled by the draw."""
    inside = None if mask is None else mask.flatten().nonzero()[:, 0].cpu()
    shuffled = torch.randperm(count if inside is None else len(inside), generator=torch.Generator().manual_seed(draw))[
        :most
    ]
    return shuffled if inside is None else inside[shuffled]


def rows(features: Tensor, mask: Tensor | None, *, most: int, draw: int) -> Tensor:
    """Return positions as rows, their weight in the last column.

    Args:
        features: (1, C, h, w).
        mask: (1, 1, h, w) in [0, 1]; None for 1 everywhere.
        most: Positions taken at most.
        draw: Number of the random draw.

    Returns:
        (n, C + 1), float32 or better.
    """
    flat = features[0].flatten(1).T  # (P, C)
    chosen = pick(len(flat), mask, most=most, draw=draw).to(flat.device)
    values = flat[chosen].to(torch.promote_types(flat.dtype, torch.float32))
    return torch.cat([values, weights(mask, chosen, values)], dim=1)


def weights(mask: Tensor | None, chosen: Tensor, like: Tensor) -> Tensor:
    """Return the weights of the chosen positions, (n, 1)."""
    return like.new_ones(len(chosen), 1) if mask is None else mask.flatten()[chosen].to(like)[:, None]


def mixed(references: Sequence[Stats], shares: Sequence[float]) -> Stats:
    """Return rows of several pictures in one table, as many of each as its share says."""
    out = {}
    for name in references[0]:
        most = min(len(one[name]) / share for one, share in zip(references, shares, strict=True))
        counts = [max(1, round(most * share)) for share in shares]
        out[name] = torch.cat([one[name][:n] for one, n in zip(references, counts, strict=True)])
    return out


def hypercolumns(features: Stats, layers: Mapping[str, float], chosen: Tensor) -> Tensor:
    """Return the features of all layers at positions of the largest, one above the other.

    Coarser layers are interpolated bilinearly; each is multiplied by the root of its weight.

    Args:
        features: Layer -> (1, C, h, w).
        layers: Layer -> weight.
        chosen: Indices of positions of the largest layer, (n).

    Returns:
        (n, sum of C), float32 or better.
    """
    height, width = largest(features, layers).shape[-2:]
    columns = []
    for name, share in layers.items():
        values = features[name].to(torch.promote_types(features[name].dtype, torch.float32))
        y, x = ((2 * at.to(values) + 1) for at in (chosen // width, chosen % width))
        grid = torch.stack([x / width - 1, y / height - 1], dim=-1)[None, None]  # (1, 1, n, 2) in [-1, 1]
        at = F.grid_sample(values, grid, mode="bilinear", padding_mode="border", align_corners=False)
        columns.append(share**0.5 * at[0, :, 0].T)
    return torch.cat(columns, dim=1)


def largest(features: Stats, layers: Mapping[str, float]) -> Tensor:
    """Return the features of the layer with the most positions."""
    return max((features[name] for name in layers), key=lambda value: value.shape[-2] * value.shape[-1])


def cosine_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return 1 - cos of every row of x (n, C) and every row of y (m, C): (n, m) in [0, 2]."""
    distance: Tensor = 1 - F.normalize(x) @ F.normalize(y).T
    return distance


def check_count(option: str, count: int) -> int:
    """Return a number of positions or the like, or raise the ValueError that says what it must be."""
    if count < 1:
        raise ValueError(f"{option} is {count}; give 1 or more")
    return count
