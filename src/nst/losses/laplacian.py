"""Laplacian loss: the content's edges and fine lines, straight from the pixels."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.losses.base import Stats, Term, at, check_choice, divisor
from nst.losses.sampling import check_count


class Laplacian(Term):
    """Squared distance of the Laplacians of the image and of the content, both averaged over small squares first.

    `D(x) = lap * pool(x)` with `lap = [[0, -1, 0], [-1, 4, -1], [0, -1, 0]]`, replicated at the borders. By
    `reduction`: `relative`: ||D(x) - D(c)||^2 / ||D(c)||^2, ours: 1 for a picture without any edges; `sum`: undivided.

    It is additive over squares of `pool` pixels, each with its neighbours: `margin` and `grid`.

    Args:
        layers: `image` or `input` -> weight.
        weight: Weight of the term.
        reduction: As above.
        pool: Edge of the squares, pixels.

    Source: Li, Xu, Nie & Chua 2017 (Laplacian-Steered Neural Style Transfer), section 3.

    Differs: the three channels are compared one by one, where they sum them.
    """

    of = "content"
    spatial = True

    def __init__(self, *, layers: Mapping[str, float], weight: float, reduction: str, pool: int) -> None:
        super().__init__(layers=layers, weight=weight)
        self.reduction = check_choice("loss.laplacian.reduction", reduction, ("relative", "sum"))
        self.pool = self.margin = self.grid = check_count("loss.laplacian.pool", pool)

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> the content's Laplacian, (1, 3, h, w), and what each layer's share is divided by."""
        kept = {name: laplacian(features[name], self.pool).detach() for name in self.layers}
        return kept | {divisor(name): self._size(kept[name]) for name in self.layers}

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> the squared distance, summed over channels and (weighted) positions."""
        return {k: self._squares(features[k], reference[k], at(mask, k)).sum() for k in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted distance."""
        return {name: share * total[name] / reference[divisor(name)] for name, share in self.layers.items()}

    def _size(self, target: Tensor) -> Tensor:
        return target.square().sum().clamp_min(1e-12) if self.reduction == "relative" else target.new_ones(())

    def _squares(self, x: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
        squares = (laplacian(x, self.pool) - target).square()
        return squares if mask is None else squares * F.avg_pool2d(mask.to(squares), self.pool, ceil_mode=True)


def laplacian(x: Tensor, pool: int) -> Tensor:
    """Return the Laplacian of an image (1, C, H, W) averaged over squares of `pool` pixels, (1, C, ceil, ceil)."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    small = F.avg_pool2d(x, pool, ceil_mode=True)
    padded = F.pad(small, (1, 1, 1, 1), mode="replicate")
    middle, around = padded[..., 1:-1, 1:-1], (padded[..., :-2, 1:-1], padded[..., 2:, 1:-1])
    return 4 * middle - around[0] - around[1] - padded[..., 1:-1, :-2] - padded[..., 1:-1, 2:]
