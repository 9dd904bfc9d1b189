"""The Gram loss with the means taken out: squared distance of the channels' covariances."""

from torch import Tensor

from nst.losses.base import nonzero
from nst.losses.moments import MomentLoss, mean_covariance
from nst.losses.quadratic import Quadratic


class Covariance(MomentLoss):
    """Squared Frobenius distance of the covariances of the image's features, S, and of the style's, T, both (C, C).

    `S = sum_p (f_p - mu) (f_p - mu)^T / n` with the features f_p, (C), of n positions p and their mean mu. The mean of
    each channel is free, and with it much of the style's brightness and palette. The distance of a layer depends on
    `reduction`:

    * `relative`: ||S - T||^2 / ||T||^2.
    * `mean`: ||S - T||^2 / C^2.
    * `sum`: ||S - T||^2.

    Args: those of `MomentLoss`.

    Source: Li, Wang, Liu & Hou 2017 (Demystifying Neural Style Transfer), section 4, where the Gram loss is one of a
    family of comparisons of distributions. Gatys et al. 2017 subtract the mean in the same way.

    Differs: `relative` is ours.
    """

    reductions = ("relative", "mean", "sum")

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from the moments of the image and of the style, (C + 1, C + 1)."""
        covariance, target = mean_covariance(image)[1], mean_covariance(style)[1]
        squared = (covariance - target).square().sum()
        if self.reduction == "relative":
            return squared / nonzero(target.square().sum())
        return squared / {"mean": target.numel(), "sum": 1}[self.reduction]

    def quadratic(self, style: Tensor) -> Quadratic:
        """Return the same as a weighted sum of squares."""
        target = mean_covariance(style)[1]
        if self.reduction == "relative":
            return Quadratic.between(style, square=1 / nonzero(target.square().sum()), centred=True)
        return Quadratic.between(style, square={"mean": 1 / target.numel(), "sum": 1.0}[self.reduction], centred=True)
