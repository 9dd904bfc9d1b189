"""Whether the painting's composition leaks into the picture."""

import torch
from torch import Tensor

from nst.data import image_io

CELLS = 16


def leak(picture: Tensor, content: Tensor, style: Tensor) -> float:
    """Return how much of the painting's places is in the picture: about 0 for style alone, up to 1 and more.

    Coarse colours p, c, s of picture, photograph and painting: 16 x 16 cells, less the mean colour. With
    `rest(a) = a - <a, c> / <c, c> c`, what is not the photograph's, it is the correlation of rest(p) with rest(s), less
    the largest of those with s mirrored left-right, top-bottom or both: a style is what is said without places.

    Args:
        picture: [0, 1] RGB, (1, 3, H, W).
        content: Of any size.
        style: Of any size.
    """
    p, c, s = (_coarse(image) for image in (picture, content, style))

    def rest(a: Tensor) -> Tensor:
        return a - (a * c).sum() / (c * c).sum().clamp_min(1e-12) * c

    def like(painting: Tensor) -> float:
        a, b = rest(p), rest(painting)
        return float((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt().clamp_min(1e-12))

    return like(s) - max(like(s.flip(dims)) for dims in ((-1,), (-2,), (-2, -1)))


def _coarse(image: Tensor) -> Tensor:
    cells = image_io.area(image.double(), (CELLS, CELLS))
    return torch.as_tensor(cells - cells.mean((-2, -1), keepdim=True))
