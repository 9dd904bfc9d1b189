"""Colours for what is transparent, from what is visible around it: those that a file hides there have no say."""

import torch
import torch.nn.functional as F
from torch import Tensor


def fill(rgb: Tensor, alpha: Tensor) -> Tensor:
    """Return an image in which every pixel is mixed, by its opacity, with the visible colours around it.

    Opaque pixels keep their values. The colours around are those of a pyramid: at each level the mean of the visible
    pixels of a block, and where nothing of a block is visible that of the next coarser level.

    Args:
        rgb: [0, 1] RGB, (1, 3, H, W).
        alpha: Opacity in [0, 1], (1, 1, H, W), not 0 everywhere.

    Source: Gortler, Grzeszczuk, Szeliski & Cohen 1996 (The Lumigraph), section 3.4: push-pull.
    """
    if min(rgb.shape[-2:]) == 1 and max(rgb.shape[-2:]) == 1:
        return rgb
    weighted, weight = (F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False) for x in (rgb * alpha, alpha))
    colours = weighted / weight.clamp_min(torch.finfo(weight.dtype).tiny)
    around = fill(colours, (4 * weight).clamp_max(1))
    enlarged = F.interpolate(around, rgb.shape[-2:], mode="bilinear", align_corners=False)
    return torch.lerp(enlarged, rgb, alpha)
