"""Masks that say which style goes where: read, made to sum to 1 at every pixel, resized to images and layers."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.data import image_io

COLOURED = 0.1  # channels further apart than this are colours, not JPEG noise
BLANK = 0.5 / 255  # less than this is black: half a grey level
DARK, WHITE = 0.1, 0.9  # a mask whose brightest value is below is a mistake, or applies in part only
ROUNDED = 2.5 / 255  # the sum of two masks, each rounded to 8 bits, can miss 1 by this


def load(path: Path, *, max_megapixels: float = 200.0) -> tuple[Tensor, list[str]]:
    """Read a mask, a grey image that is white where the mask applies: (1, 1, H, W) in [0, 1]; and remarks.

    Args:
        path: An image file.
        max_megapixels: See `image_io.load`.

    Raises:
        ValueError: The image has colours or transparent pixels, or is black or nearly black everywhere, as a mask of
            the numbers 0 and 1 is.
    """
    image = image_io.load(path, max_megapixels=max_megapixels)
    if image.alpha is not None:
        raise ValueError(f"mask {path} has transparent pixels; give an opaque grey picture, white where it applies")
    if (image.rgb.amax(1) - image.rgb.amin(1)).max() > COLOURED:
        raise ValueError(f"mask {path} is a colour picture; give a grey one, white where it applies, black elsewhere")
    if image.rgb.max() < BLANK:
        raise ValueError(f"mask {path} is black everywhere; make it white where it applies")
    if (brightest := float(image.rgb.max())) < DARK:
        raise ValueError(
            f"mask {path} is almost black: its brightest value is {100 * brightest:.1f} % of white; "
            f"give white (255 of 8 bits, 65535 of 16) where it applies, not 1"
        )
    notes = list(image.notes)
    if brightest < WHITE:
        notes.append(f"mask {path} is nowhere white: where it is brightest it counts {100 * brightest:.0f} %")
    return image.rgb.mean(1, keepdim=True), notes


def resize(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample a mask to (height, width) by an anti-aliased bilinear filter; masks that sum to 1 still do."""
    return F.interpolate(mask, size, mode="bilinear", antialias=True, align_corners=False)


def follow(mask: Tensor, sizes: dict[str, tuple[int, int]]) -> dict[str, Tensor]:
    """Return layer -> the mask averaged over the area of each position of the layer, (1, 1, h, w)."""
    return {layer: image_io.area(mask, size) for layer, size in sizes.items()}


def divide(
    masks: Sequence[Tensor | None], keep: Tensor | None, size: tuple[int, int]
) -> tuple[list[Tensor | None], list[str]]:
    """Make the masks of the styles sum to 1 at every pixel, and report in one line each what that changed.

    A style without a mask gets what the other masks leave. Where masks overlap, each is divided by their sum. Where
    several masks leave a hole, the nearest region grows into it; a single mask leaves the rest without a style.

    Args:
        masks: One for each style, (1, 1, h, w) of any size, or None. Equal masks are one region.
        keep: Where the content is kept, likewise.
        size: (height, width) of the content, pixels.

    Returns:
        One mask for each style, (1, 1, height, width), or None for the whole picture; and the remarks.

    Raises:
        ValueError: The content is kept everywhere.
    """
    if keep is None and all(mask is None for mask in masks):
        return [None] * len(masks), []
    fitted = [None if mask is None else resize(mask, size) for mask in masks]
    regions = _distinct([mask for mask in fitted if mask is not None])
    total = torch.stack(regions).sum(0) if regions else torch.zeros(1, 1, *size)
    remarks = _remarks(total, regions=len(regions), complete=any(mask is None for mask in masks))
    shares = _normalised(fitted, total, regions=len(regions))
    return shares if keep is None else _outside(keep, shares, size), remarks


def stretched(name: str, mask: Tensor, size: tuple[int, int]) -> list[str]:
    """Return a remark for a mask whose aspect ratio is not the content's, or none."""
    height, width = image_io.size_of(mask)
    if abs(math.log(height / width * size[1] / size[0])) < 0.05:
        return []
    return [f"{name} is {width} x {height} but the content is {size[1]} x {size[0]}: it is stretched over the content"]


def _normalised(masks: Sequence[Tensor | None], total: Tensor, *, regions: int) -> list[Tensor | None]:
    """Divide the masks by their sum; None becomes what the others leave."""
    if any(mask is None for mask in masks) or (regions == 1 and bool((1 - total > ROUNDED).any())):
        rest, total = (1 - total).clamp_min(0), total.clamp_min(1)
        return [rest if mask is None else mask / total for mask in masks]
    if total.min() >= BLANK:
        return [None if mask is None else mask / total for mask in masks]
    from scipy.ndimage import distance_transform_edt  # takes 0.2 s, and few masks need it

    nearest = distance_transform_edt((total < BLANK)[0, 0].numpy(), return_distances=False, return_indices=True)
    rows, columns = (torch.from_numpy(indices) for indices in nearest)  # of the nearest pixel that has a style
    return [None if mask is None else (mask / total.clamp_min(BLANK))[:, :, rows, columns] for mask in masks]


def _outside(keep: Tensor, shares: Sequence[Tensor | None], size: tuple[int, int]) -> list[Tensor | None]:
    """Take what is kept of the content away from every style."""
    free = 1 - resize(keep, size)
    if free.max() < BLANK:
        raise ValueError("content.mask is white everywhere, so nothing is left to paint; paint black what may change")
    return [free if share is None else share * free for share in shares]


def _remarks(total: Tensor, *, regions: int, complete: bool) -> list[str]:
    """Report overlaps, and holes unless a style without a mask makes the masks complete."""
    out = []
    if over := _percent(total > 1 + ROUNDED):
        out.append(f"style masks overlap on {over} of the picture: there each style gets its share")
    hole = _percent(1 - total > ROUNDED)
    if hole and not complete:
        out.append(
            f"style masks leave {hole} of the picture without a style: there only the content counts"
            if regions == 1
            else f"style masks leave holes on {hole} of the picture: the nearest region grows into them"
        )
    return out


def _distinct(masks: list[Tensor]) -> list[Tensor]:
    out: list[Tensor] = []
    for mask in masks:
        if not any(torch.equal(mask, other) for other in out):
            out.append(mask)
    return out


def _percent(where: Tensor) -> str:
    """Return the percentage of True as text, empty for less than 0.1 %."""
    share = where.float().mean().item()
    return f"{100 * share:.{0 if share > 0.1 else 1}f} %" if share > 1e-3 else ""
