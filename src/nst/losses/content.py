"""The content loss of Gatys et al.: squared distance of feature maps."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.losses.base import Stats, Term, check_choice, combine, divisor, wide


class Content(Term):
    """Squared distance of the features of the image, F, and of the content, P, position by position.

    Per layer, by `reduction`: `sum`: ||F - P||^2; `half_sum`: 1/2 ||F - P||^2; `mean`: over all elements;
    `relative`: ||F - P||^2 / ||P - mean(P)||^2, our own, with the mean of every channel over positions: 1 where
    nothing of the content's structure is left.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: As above.
        layer_reduction: `sum` or `mean` over the layers.

    Source: Gatys, Ecker & Bethge 2016, equation 1 (`half_sum`).
    """

    of = "content"
    spatial = True

    def __init__(self, *, layers: Mapping[str, float], weight: float, reduction: str, layer_reduction: str) -> None:
        super().__init__(layers=layers, weight=weight)
        reductions = ("relative", "sum", "half_sum", "mean")
        self.reduction = check_choice("loss.content.reduction", reduction, reductions)
        self.layer_reduction = check_choice("loss.content.layer_reduction", layer_reduction, ("sum", "mean"))

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> the content's features, (N, C, h, w), and what each layer's share is divided by."""
        kept = {name: features[name].detach() for name in self.layers}
        return kept | {divisor(name): self._spread(kept[name]) for name in self.layers}

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> ||F - P||^2, summed over channels and (weighted) positions."""
        squares = {name: wide(features[name] - reference[name]).square() for name in self.layers}
        if mask is not None:
            squares = {name: square * mask[name] for name, square in squares.items()}
        return {name: square.sum() for name, square in squares.items()}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted distance."""
        shares = {name: total[name] / reference[divisor(name)] for name in self.layers}
        return combine(shares, self.layers, self.layer_reduction)

    def _spread(self, reference: Tensor) -> Tensor:
        p = wide(reference)
        if self.reduction == "relative":
            spread = p.var((-2, -1), correction=0).sum() * p.shape[-2] * p.shape[-1]  # without another map
            return spread.clamp_min(torch.finfo(p.dtype).tiny)
        return p.new_tensor({"sum": 1.0, "half_sum": 2.0, "mean": float(reference.numel())}[self.reduction])
