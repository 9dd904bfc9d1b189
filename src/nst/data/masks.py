"""Which style goes where: masks read, made to fit together pixel by pixel, and brought to the sizes of the levels."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from nst.data import image_io

COLOURED = 0.1  # channels further apart than this are colours, not a JPEG's noise
BLANK = 0.5 / 255  # less than a grey level is nothing
ROUNDED = 2.5 / 255  # two masks, each rounded to 8 bits, can miss 1 by this


def load(path: Path, *, max_megapixels: float = 200.0) -> Tensor:
    """Read a mask: a grey picture, white where it holds and black where it does not.

    Args:
        path: A picture file.
        max_megapixels: See `images.load`.

    Returns:
        (1, 1, H, W) in [0, 1].

    Raises:
        ValueError: It has colours or see-through pixels, or is black everywhere.
    """
    pixels = image_io.load(path, max_megapixels=max_megapixels)
    if pixels.alpha is not None:
        raise ValueError(f"mask {path} has see-through pixels; give a plain grey picture, white where it holds")
    if (pixels.rgb.amax(1) - pixels.rgb.amin(1)).max() > COLOURED:
        raise ValueError(f"mask {path} is a colour picture; give a grey one, white where it holds, black elsewhere")
    if pixels.rgb.max() < BLANK:
        raise ValueError(f"mask {path} is black everywhere; paint white what it is for")
    return pixels.rgb.mean(1, keepdim=True)


def resize(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample a mask to (height, width) with a triangle filter: masks that sum to 1 still do."""
    return F.interpolate(mask, size, mode="bilinear", antialias=True, align_corners=False)


def follow(mask: Tensor, sizes: dict[str, tuple[int, int]]) -> dict[str, Tensor]:
    """Return layer -> the mask averaged over the area of each of the layer's positions, (1, 1, h, w)."""
    return {layer: F.adaptive_avg_pool2d(mask, size) for layer, size in sizes.items()}


def divide(
    masks: Sequence[Tensor | None], keep: Tensor | None, size: tuple[int, int]
) -> tuple[list[Tensor | None], list[str]]:
    """Give every pixel away once, and say in a line each what had to be changed for that.

    A style without a mask takes what the others leave. Where masks overlap, each is divided by their sum. Where several
    masks leave a hole, the nearest region grows into it; where a single one does, no style is painted there.

    Args:
        masks: One for each style, (1, 1, h, w) of any size, or None. Equal ones are one region.
        keep: Where the content is kept, likewise.
        size: (height, width) of the content, pixels.

    Returns:
        One mask for each style, (1, 1, height, width), or None for the whole picture; and the remarks.

    Raises:
        ValueError: Everything is kept, so that nothing is left to paint.
    """
    if keep is None and all(mask is None for mask in masks):
        return [None] * len(masks), []
    fitted = [None if mask is None else resize(mask, size) for mask in masks]
    regions = _distinct([mask for mask in fitted if mask is not None])
    total = torch.stack(regions).sum(0) if regions else torch.zeros(1, 1, *size)
    remarks = []
    if over := _percent(total > 1 + ROUNDED):
        remarks.append(f"style masks overlap on {over} of the picture: there each style gets its share")
    owed = 1 - total
    if any(mask is None for mask in masks):
        rest, total = owed.clamp_min(0), total.clamp_min(1)
    else:
        rest = None
        if hole := _percent(owed > ROUNDED):
            if len(regions) == 1:
                remarks.append(
                    f"style masks leave {hole} of the picture without a style: there only the content counts"
                )
                total = total.clamp_min(1)
            else:
                remarks.append(f"style masks leave holes on {hole} of the picture: the nearest region grows into them")
    shares = [rest if mask is None else _share(mask, total, alone=len(regions) == 1) for mask in fitted]
    if keep is None:
        return shares, remarks
    free = 1 - resize(keep, size)
    if free.max() < BLANK:
        raise ValueError("content.mask is white everywhere, so nothing is left to paint; paint black what may change")
    return [free if share is None else share * free for share in shares], remarks


def stretched(name: str, mask: Tensor, size: tuple[int, int]) -> list[str]:
    """Return a remark for a mask whose shape is not the content's, or none."""
    height, width = image_io.size_of(mask)
    if abs(math.log(height / width * size[1] / size[0])) < 0.05:
        return []
    return [f"{name} is {width} x {height} but the content is {size[1]} x {size[0]}: it is stretched over the content"]


def _share(mask: Tensor, total: Tensor, *, alone: bool) -> Tensor:
    if alone or total.min() >= BLANK:
        return mask / total
    blank = (total < BLANK)[0, 0].numpy()
    rows, columns = distance_transform_edt(blank, return_distances=False, return_indices=True)
    grown = (mask / total.clamp_min(BLANK))[0, 0].numpy()[rows, columns]
    return torch.from_numpy(grown)[None, None]


def _distinct(masks: list[Tensor]) -> list[Tensor]:
    out: list[Tensor] = []
    for mask in masks:
        if not any(torch.equal(mask, other) for other in out):
            out.append(mask)
    return out


def _percent(where: Tensor) -> str:
    """How much of the picture, as text; empty for less than one pixel in a thousand."""
    share = where.float().mean().item()
    return f"{100 * share:.{0 if share > 0.1 else 1}f} %" if share > 1e-3 else ""
