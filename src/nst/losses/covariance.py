"""The centred twin of the Gram loss: squared distance of the channels' covariances."""

from collections.abc import Mapping

from torch import Tensor

from nst.losses.base import Stats, Term, at, check_choice, combine
from nst.losses.gram import moments
from nst.losses.moments import floor, mean_covariance


class Covariance(Term):
    """Squared distance of the covariances of the image, S, and of the style, A: C x C with C channels.

    `S = sum_p (f_p - mu) (f_p - mu)^T / n`. Without the mean, what a channel's average level is, and with it much of
    the style's brightness and palette, is free. Per layer, by `reduction`:

    * `relative`: ||S - A||^2 / ||A||^2, ours.
    * `mean`: ||S - A||^2 / C^2. `sum`: ||S - A||^2.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: As above.
        layer_reduction: `sum` or `mean` over the layers.

    Source: Li, Wang, Liu & Hou 2017 (Demystifying Neural Style Transfer), section 4: the Gram loss as one of a family
    of comparisons of distributions; Gatys et al. 2017 centre in the same way.
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
        covariance, target = mean_covariance(total)[1], mean_covariance(reference)[1]
        squared = (covariance - target).square().sum()
        if self.reduction == "relative":
            return squared / floor(target.square().sum())
        return squared / {"mean": target.numel(), "sum": 1}[self.reduction]
