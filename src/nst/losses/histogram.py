"""The histogram loss: the values of each channel should have the style's histogram."""

from collections.abc import Mapping

from torch import Tensor

from nst.losses.sampling import SampledLoss, squared_wasserstein_1d, total_variance
from nst.utils.errors import check_choice


class Histogram(SampledLoss):
    """Squared distance of the features X from R(X), which has the style's histogram in each channel.

    `d = sum_c mean_p (X_pc - R(X)_pc)^2` with the features of the image, X (n, C), and of the style, Y (m, C), at
    sampled positions p, and channels c. The distance of a layer depends on `reduction`:

    * `relative`: d / tr Cov(Y).
    * `mean`: d / C.
    * `sum`: d.

    It is meant to be used with the Gram loss, which lets a channel's mean and variance compensate for each other; the
    histogram keeps the contrast steady.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: See above.
        layer_reduction: `sum` or `mean` over the layers.
        positions: Largest number of positions in a sample, of the image (n) and of the style (m).

    Source: Risser, Wilmot & Barnes 2017 (Stable and Controllable Neural Texture Synthesis and Style Transfer Using
    Histogram Losses), section 4.1.

    Differs: `relative` is ours. Values are matched exactly, by rank, where the authors use histograms of 256 bins.
    """

    def __init__(
        self, *, layers: Mapping[str, float], weight: float, reduction: str, layer_reduction: str, positions: int
    ) -> None:
        super().__init__(
            layers=layers, weight=weight, layer_reduction=layer_reduction, positions=positions, candidates=positions
        )
        self.reduction = check_choice("reduction", reduction, ("relative", "mean", "sum"))

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from samples of the image, (n, C + 1), and of the style, (m, C)."""
        distance = squared_wasserstein_1d(image[:, :-1], image[:, -1], style).sum()
        if self.reduction == "relative":
            return distance / total_variance(style)
        return distance / {"mean": style.shape[1], "sum": 1}[self.reduction]
