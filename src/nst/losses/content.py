"""The content loss of Gatys et al.: squared distance of feature maps."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.losses.base import (
    LAYER_REDUCTIONS,
    Stats,
    Term,
    at_least_float32,
    combine,
    divisor_key,
    layer_mask,
    nonzero,
    root,
)
from nst.utils.errors import check_choice

REDUCTIONS = ("relative", "root", "sum", "half_sum", "mean")


class Content(Term):
    """Squared distance of the features of the image, F, and of the content, P, both (1, C, h, w).

    The distance of a layer depends on `reduction`:

    * `relative`: ||F - P||^2 / ||P - mean(P)||^2, with the mean of each channel over positions. It is 1 where nothing
      of the content's structure is left.
    * `root`: the square root of `relative`.
    * `sum`: ||F - P||^2.
    * `half_sum`: ||F - P||^2 / 2.
    * `mean`: ||F - P||^2 / (C h w).

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: See above.
        layer_reduction: `sum` or `mean` over the layers.

    Source: Gatys, Ecker & Bethge 2016, equation 1 (`reduction=half_sum`).

    Differs: `relative` and `root` are ours.
    """

    of = "content"
    spatial = True

    def __init__(self, *, layers: Mapping[str, float], weight: float, reduction: str, layer_reduction: str) -> None:
        super().__init__(layers=layers, weight=weight)
        self.reduction = check_choice("reduction", reduction, REDUCTIONS)
        self.layer_reduction = check_choice("layer_reduction", layer_reduction, LAYER_REDUCTIONS)

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> P, (1, C, h, w), and the divisor of each layer's loss."""
        kept = {name: features[name].detach() for name in self.layers}
        return kept | {divisor_key(name): self._divisor(kept[name], layer_mask(mask, name)) for name in self.layers}

    def levelled(self, reference: Stats) -> Stats:
        """Return the divisors, each at least the layers' mean for as many positions, where `reduction` has any.

        A brick wall has no large areas of light and dark. Coarse layers that are divided by what little it has allow
        the picture none either. This is for layers whose features have one unit (`Backbone.comparable`).
        """
        if self.reduction not in ("relative", "root"):
            return {}
        positions = {name: reference[name].shape[-2] * reference[name].shape[-1] for name in self.layers}
        levels = {name: reference[divisor_key(name)] / count for name, count in positions.items()}
        mean = sum(levels.values()) / len(levels) if levels else 0
        return {divisor_key(name): torch.clamp(level, min=mean) * positions[name] for name, level in levels.items()}

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> ||F - P||^2, a scalar: the sum over channels and (weighted) positions."""
        squares = {name: at_least_float32(features[name] - reference[name]).square() for name in self.layers}
        if mask is not None:
            squares = {name: square * mask[name] for name, square in squares.items()}
        return {name: square.sum() for name, square in squares.items()}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted distance."""
        losses = {name: total[name] / reference[divisor_key(name)] for name in self.layers}
        if self.reduction == "root":
            losses = {name: root(loss) for name, loss in losses.items()}
        return combine(losses, self.layers, self.layer_reduction)

    def _divisor(self, reference: Tensor, mask: Tensor | None) -> Tensor:
        p = at_least_float32(reference)
        if mask is not None and self.reduction in ("relative", "root"):
            mean = (p * mask).sum((-2, -1), keepdim=True) / mask.sum()
            return nonzero(((p - mean).square() * mask).sum(), 1e-30)
        if self.reduction in ("relative", "root"):
            # var() times the number of positions needs no second map
            squares = p.var((-2, -1), correction=0).sum() * p.shape[-2] * p.shape[-1]
            return nonzero(squares, 1e-30)
        return p.new_tensor({"sum": 1.0, "half_sum": 2.0, "mean": float(reference.numel())}[self.reduction])
