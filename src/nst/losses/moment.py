"""Moment matching: absolute differences of mean and covariance, what STROTSS sets beside the earth mover."""

from collections.abc import Mapping

from torch import Tensor

from nst.losses.base import Stats, Term, at, check_choice, combine
from nst.losses.gram import moments
from nst.losses.moments import deviation, floor, mean_covariance


class Moment(Term):
    """Absolute differences of the means, mu and m, and of the covariances, S and A, of image and style; C channels.

    Per layer, by `reduction`:

    * `relative`: |mu - m|_1 / |t|_1 + |S - A|_1 / |A|_1, ours, with the style's standard deviations t.
    * `mean`: |mu - m|_1 / C + |S - A|_1 / C^2: STROTSS's.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: As above.
        layer_reduction: `sum` or `mean` over the layers.

    Source: Kolkin, Salavon & Shakhnarovich 2019 (STROTSS), equation 8.

    Differs: layer by layer, not on hypercolumns, and over all positions: additive.
    """

    of = "style"

    def __init__(self, *, layers: Mapping[str, float], weight: float, reduction: str, layer_reduction: str) -> None:
        super().__init__(layers=layers, weight=weight)
        self.reduction = check_choice("loss.moment.reduction", reduction, ("relative", "mean"))
        self.layer_reduction = check_choice("loss.moment.layer_reduction", layer_reduction, ("sum", "mean"))

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> moments, (C + 1, C + 1)."""
        return {name: moments(features[name], at(mask, name)) for name in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted difference."""
        shares = {name: self._distance(total[name], reference[name]).to(total[name]) for name in self.layers}
        return combine(shares, self.layers, self.layer_reduction)

    def _distance(self, total: Tensor, reference: Tensor) -> Tensor:
        (mean, covariance), (target, spread) = mean_covariance(total), mean_covariance(reference)
        first, second = (mean - target).abs(), (covariance - spread).abs()
        if self.reduction == "relative":
            return first.sum() / deviation(spread).sum() + second.sum() / floor(spread.abs().sum())
        return first.mean() + second.mean()
