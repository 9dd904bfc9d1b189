"""Our default style loss: squared distances of the means and of the covariances, each relative to the style's own."""

from torch import Tensor

from nst.losses.base import Stats, Term, at, combine
from nst.losses.gram import moments
from nst.losses.moments import floor, mean_covariance


class MeanCovariance(Term):
    """Relative distance of the Gaussians of the image's features, (mu, S), and of the style's, (nu, T).

    `||S - T||^2 / ||T||^2 + ||mu - nu||^2 / ||nu||^2` for each layer, mean over the layers: the same weights give the
    same look on any backbone, layer set and size. A Gram matrix is S + mu mu^T: where features are rectified its norm
    is mostly that of mu mu^T, so a relative Gram distance hardly sees the covariance that makes strokes.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.

    Source: Gatys, Ecker & Bethge 2016, equation 4 (the Gram distance).

    Differs: centred, with the means apart, and both relative.
    """

    of = "style"

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> moments, (C + 1, C + 1)."""
        return {name: moments(features[name], at(mask, name)) for name in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted distance."""
        shares = {name: _distance(total[name], reference[name]).to(total[name]) for name in self.layers}
        return combine(shares, self.layers, "mean")


def _distance(total: Tensor, reference: Tensor) -> Tensor:
    (mean, covariance), (target, spread) = mean_covariance(total), mean_covariance(reference)
    texture = (covariance - spread).square().sum() / floor(spread.square().sum())
    level = (mean - target).square().sum() / floor(target.square().sum())
    return texture + level
