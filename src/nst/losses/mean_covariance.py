"""The default style loss: relative squared distances of the means and of the covariances."""

from collections.abc import Mapping

from torch import Tensor

from nst.losses.base import nonzero, root
from nst.losses.moments import MomentLoss, mean_covariance
from nst.losses.quadratic import Quadratic


class MeanCovariance(MomentLoss):
    """Relative distance of mean and covariance of the image's features, mu and S, from the style's, nu and T.

    `||S - T||^2 / ||T||^2 + ||mu - nu||^2 / ||nu||^2` for each layer, with mu and nu (C), S and T (C, C), and the mean
    over the layers. Equal weights then act alike on any backbone, layer set and image size. With `reduction=root` both
    distances are not squared, so that no picture and no layer outweighs the others: the squares of a photograph's deep
    layers, relative to those of a drawing, reach 150. Networks, which see all kinds of photographs, learn by it.

    A Gram matrix is `S + mu mu^T`. After a ReLU its norm is mostly that of `mu mu^T`, so a relative Gram distance would
    hardly see the covariance, which makes the strokes.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: `relative` or `root`, see above.

    Source: Gatys, Ecker & Bethge 2016, equation 4 (the distance of Gram matrices).

    Differs: mean and covariance are compared separately, and each distance is relative to the style's.
    """

    reductions = ("relative", "root")

    def __init__(self, *, layers: Mapping[str, float], weight: float, reduction: str = "relative") -> None:
        super().__init__(layers=layers, weight=weight, reduction=reduction, layer_reduction="mean")

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from the moments of the image and of the style, (C + 1, C + 1)."""
        (mean, covariance), (target_mean, target) = mean_covariance(image), mean_covariance(style)
        texture = (covariance - target).square().sum() / nonzero(target.square().sum())
        level = (mean - target_mean).square().sum() / nonzero(target_mean.square().sum())
        return texture + level if self.reduction == "relative" else root(texture) + root(level)

    def quadratic(self, style: Tensor) -> Quadratic | None:
        """Return the same as a weighted sum of squares, which the roots are not."""
        if self.reduction == "root":
            return None
        mean, covariance = mean_covariance(style)
        square, level = (1 / nonzero(part.square().sum()) for part in (covariance, mean))
        return Quadratic.between(style, square=square, mean=level, centred=True)
