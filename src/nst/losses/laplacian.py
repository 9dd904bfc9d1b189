"""The Laplacian loss: keeps the content's edges and fine lines, measured on the pixels."""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from nst.losses.base import Stats, Term, at_least_float32, check_count, divisor_key, layer_mask, nonzero
from nst.utils.errors import check_choice


class Laplacian(Term):
    """Squared distance of the Laplacians of the image x and of the content c, after average pooling.

    `D(x) = k * avg_pool(x)`, a convolution with `k = [[0, -1, 0], [-1, 4, -1], [0, -1, 0]]` of x, (1, 3, H, W),
    averaged over squares of `pool` x `pool` pixels and replicated at the borders. The distance depends on `reduction`:

    * `relative`: ||D(x) - D(c)||^2 / ||D(c)||^2, which is 1 for a flat image.
    * `sum`: ||D(x) - D(c)||^2.

    It is additive over squares; each also reads the neighbouring squares (`margin` and `grid`).

    Args:
        layers: `image` or `input` -> weight.
        weight: Weight of the term.
        reduction: See above.
        pool: Edge of the squares, pixels.

    Source: Li, Xu, Nie & Chua 2017 (Laplacian-Steered Neural Style Transfer), section 3.

    Differs: `relative` is ours. The three channels are compared one by one, where the authors add them up.
    """

    of = "content"
    spatial = True

    def __init__(self, *, layers: Mapping[str, float], weight: float, reduction: str, pool: int) -> None:
        super().__init__(layers=layers, weight=weight)
        self.reduction = check_choice("reduction", reduction, ("relative", "sum"))
        self.pool = self.margin = self.grid = check_count("pool", pool)

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> D(c), (1, 3, H / pool, W / pool) rounded up, and the divisor of each layer's loss."""
        kept = {name: laplacian(features[name], self.pool).detach() for name in self.layers}
        return kept | {divisor_key(k): self._divisor(kept[k], layer_mask(mask, k)) for k in self.layers}

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> ||D(x) - D(c)||^2, a scalar: the sum over channels and (weighted) squares."""
        return {k: self._squares(features[k], reference[k], layer_mask(mask, k)).sum() for k in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted distance."""
        return {name: weight * total[name] / reference[divisor_key(name)] for name, weight in self.layers.items()}

    def _divisor(self, target: Tensor, mask: Tensor | None) -> Tensor:
        if self.reduction != "relative":
            return target.new_ones(())
        return nonzero(self._weighted(target.square(), mask).sum())

    def _squares(self, x: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
        return self._weighted((laplacian(x, self.pool) - target).square(), mask)

    def _weighted(self, squares: Tensor, mask: Tensor | None) -> Tensor:
        return squares if mask is None else squares * F.avg_pool2d(mask.to(squares), self.pool, ceil_mode=True)


def laplacian(x: Tensor, pool: int) -> Tensor:
    """Return the Laplacian of an image averaged over squares.

    Args:
        x: (1, C, H, W).
        pool: Edge of the squares, pixels.

    Returns:
        (1, C, H / pool, W / pool), rounded up, float32 or float64.
    """
    small = F.avg_pool2d(at_least_float32(x), pool, ceil_mode=True)
    padded = F.pad(small, (1, 1, 1, 1), mode="replicate")
    centre, above, below = padded[..., 1:-1, 1:-1], padded[..., :-2, 1:-1], padded[..., 2:, 1:-1]
    return 4 * centre - above - below - padded[..., 1:-1, :-2] - padded[..., 1:-1, 2:]
