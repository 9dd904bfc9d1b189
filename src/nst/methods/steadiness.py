"""The temporal loss of networks: a photograph that moves a little, with a little noise, keeps its strokes."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.utils.deterministic import grid_sample

SHIFT = 4.0  # pixels, at most
ZOOM = 0.03  # at most
NOISE = 0.02  # standard deviation, of [0, 1]


def steadiness(paint: Callable[[Tensor], Tensor], contents: Tensor, pictures: Tensor, numbers: Tensor) -> Tensor:
    """Return the mean of `c |paint(M(x) + n) - M(paint(x))|^2`, a scalar.

    M moves an image by a random shift and zoom, as from a frame of a film to the next; n is noise, as every frame has
    another; c is 1 where M looks inside the image.

    Args:
        paint: Photographs (N, 3, h, w) in [0, 1] -> pictures of the same shape.
        contents: The photographs x.
        pictures: What is painted of them.
        numbers: Of the samples, (N,): the seeds, so that a training that goes on sees the same.

    Source: Ruder, Dosovitskiy & Brox 2018 (warped consistency); Gao et al. 2018, Wang et al. 2020 (made motion and
        noise instead of films).
    """
    draws = [_draw(int(number), contents.shape[1:]) for number in numbers]
    motion = torch.stack([one for one, _ in draws]).to(contents)  # (N, 3): shift in x and y, zoom
    noise = torch.stack([one for _, one in draws]).to(contents)
    height, width = contents.shape[-2:]
    scale = 1 + ZOOM * motion[:, 2]
    zero = torch.zeros_like(scale)
    rows = [
        torch.stack([scale, zero, 2 * SHIFT / width * motion[:, 0]], 1),
        torch.stack([zero, scale, 2 * SHIFT / height * motion[:, 1]], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), list(contents.shape), align_corners=False)
    inside = (grid.abs().amax(-1) < 1).to(contents)[:, None]  # (N, 1, h, w)
    moved, wanted = (grid_sample(images, grid) for images in (contents, pictures.float()))
    painted = paint((moved + NOISE * noise).clamp(0, 1)).float()
    return ((painted - wanted).square() * inside).sum() / (3 * inside.sum()).clamp_min(1)


def _draw(number: int, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(number)
    return 2 * torch.rand(3, generator=generator) - 1, torch.randn(shape, generator=generator)
