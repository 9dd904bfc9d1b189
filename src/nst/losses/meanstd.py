"""The style loss of AdaIN: mean and standard deviation of every channel, and nothing of how channels go together."""

from collections.abc import Mapping

from torch import Tensor

from nst.losses.base import Stats, Term, at, check_choice, combine
from nst.losses.gram import moments
from nst.losses.moments import deviation, floor, mean_covariance


class MeanStd(Term):
    """Squared distance of the channels' means, mu, and standard deviations, s, of the image and of the style (m, t).

    Per layer, by `reduction`:

    * `relative`: (||mu - m||^2 + ||s - t||^2) / ||t||^2, ours.
    * `mean`: (||mu - m||^2 + ||s - t||^2) / C, with C channels: AdaIN's. `sum`: without the divisor.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: As above.
        layer_reduction: `sum` or `mean` over the layers.

    Source: Huang & Belongie 2017, equation 13 (`mean`, `layer_reduction=sum`).

    Differs: the variance is divided by the number of positions, not by one less.
    """

    of = "style"

    def __init__(self, *, layers: Mapping[str, float], weight: float, reduction: str, layer_reduction: str) -> None:
        super().__init__(layers=layers, weight=weight)
        self.reduction = check_choice("loss.style.reduction", reduction, ("relative", "mean", "sum"))
        self.layer_reduction = check_choice("loss.style.layer_reduction", layer_reduction, ("sum", "mean"))

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> moments, (C + 1, C + 1)."""
        return {name: moments(features[name], at(mask, name)) for name in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted squared distance."""
        shares = {name: self._distance(total[name], reference[name]).to(total[name]) for name in self.layers}
        return combine(shares, self.layers, self.layer_reduction)

    def _distance(self, total: Tensor, reference: Tensor) -> Tensor:
        (mean, covariance), (target, spread) = mean_covariance(total), mean_covariance(reference)
        wanted = deviation(spread)
        squared = (mean - target).square().sum() + (deviation(covariance) - wanted).square().sum()
        if self.reduction == "relative":
            return squared / floor(wanted.square().sum())
        return squared / {"mean": len(target), "sum": 1}[self.reduction]
