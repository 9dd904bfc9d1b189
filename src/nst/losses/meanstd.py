"""The style loss of AdaIN: mean and standard deviation of each channel, without the covariances between channels."""

from torch import Tensor

from nst.losses.base import nonzero
from nst.losses.moments import MomentLoss, mean_covariance, standard_deviation


class MeanStd(MomentLoss):
    """Squared distance of the channels' means and standard deviations: mu and s of the image, nu and t of the style.

    All four are (C). The distance of a layer depends on `reduction`:

    * `relative`: (||mu - nu||^2 + ||s - t||^2) / ||t||^2.
    * `mean`: (||mu - nu||^2 + ||s - t||^2) / C, as in AdaIN.
    * `sum`: ||mu - nu||^2 + ||s - t||^2.

    Args: those of `MomentLoss`.

    Source: Huang & Belongie 2017, equation 13 (`reduction=mean`, `layer_reduction=sum`).

    Differs: `relative` is ours. The variance is divided by the number of positions, not by one less.
    """

    reductions = ("relative", "mean", "sum")

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from the moments of the image and of the style, (C + 1, C + 1)."""
        (mean, covariance), (target_mean, target) = mean_covariance(image), mean_covariance(style)
        target_std = standard_deviation(target)
        squared = (mean - target_mean).square().sum()
        squared = squared + (standard_deviation(covariance) - target_std).square().sum()
        if self.reduction == "relative":
            return squared / nonzero(target_std.square().sum())
        return squared / {"mean": len(target_std), "sum": 1}[self.reduction]
