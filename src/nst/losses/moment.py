"""The moment matching of STROTSS: absolute differences of mean and covariance."""

from torch import Tensor

from nst.losses.base import nonzero
from nst.losses.moments import MomentLoss, mean_covariance, standard_deviation


class Moment(MomentLoss):
    """Absolute differences of mean and covariance: mu, (C), and S, (C, C), of the image, nu and T of the style.

    With |x|_1 the sum of absolute values, the distance of a layer depends on `reduction`:

    * `relative`: |mu - nu|_1 / |t|_1 + |S - T|_1 / |T|_1, with the style's standard deviations t, (C).
    * `mean`: |mu - nu|_1 / C + |S - T|_1 / C^2, as in STROTSS.

    Args: those of `MomentLoss`.

    Source: Kolkin, Salavon & Shakhnarovich 2019 (STROTSS), equation 8.

    Differs: `relative` is ours. Each layer is compared by itself instead of hypercolumns of all layers, and over all
    positions instead of a sample, so that the term is additive.
    """

    reductions = ("relative", "mean")

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from the moments of the image and of the style, (C + 1, C + 1)."""
        (mean, covariance), (target_mean, target) = mean_covariance(image), mean_covariance(style)
        of_mean, of_covariance = (mean - target_mean).abs(), (covariance - target).abs()
        if self.reduction == "relative":
            return of_mean.sum() / standard_deviation(target).sum() + of_covariance.sum() / nonzero(target.abs().sum())
        return of_mean.mean() + of_covariance.mean()
