"""The sliced Wasserstein loss: compares whole distributions of features by their projections on random directions."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.losses.base import check_count
from nst.losses.sampling import SampledLoss, squared_wasserstein_1d, total_variance
from nst.utils.errors import check_choice


class SlicedWasserstein(SampledLoss):
    """Mean over random directions of the squared Wasserstein-2 distance of the features projected on them.

    `SW = 1/K sum_k W2^2(X theta_k, Y theta_k)`, with the features of the image, X (n, C), and of the style, Y (m, C),
    and K unit vectors theta_k, (C), drawn anew at every step. The distance of a layer depends on `reduction`:

    * `relative`: SW / (tr Cov(Y) / C), which is 1 for a flat image with the style's mean.
    * `mean`: SW.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: See above.
        layer_reduction: `sum` or `mean` over the layers.
        projections: K, 1 or more.
        positions: Largest number of positions in a sample, of the image (n) and of the style (m).

    Source: Heitz, Vanhoey, Chambon & Belcour 2021 (A Sliced Wasserstein Loss for Neural Texture Synthesis).

    Differs: `relative` is ours. The authors compare all positions, along as many directions as there are channels.
    """

    def __init__(
        self,
        *,
        layers: Mapping[str, float],
        weight: float,
        reduction: str,
        layer_reduction: str,
        projections: int,
        positions: int,
    ) -> None:
        super().__init__(
            layers=layers, weight=weight, layer_reduction=layer_reduction, positions=positions, candidates=positions
        )
        self.reduction = check_choice("reduction", reduction, ("relative", "mean"))
        self.projections = check_count("projections", projections)

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from samples of the image, (n, C + 1), and of the style, (m, C)."""
        channels = style.shape[1]
        generator = torch.Generator().manual_seed(self.sampling_step)
        directions = torch.randn(channels, self.projections, generator=generator, dtype=torch.float64)
        directions = (directions / directions.norm(dim=0)).to(image)  # (C, K)
        x, weights = image[:, :-1], image[:, -1]
        with torch.autocast(image.device.type, enabled=False):  # the order of values needs more than 16 bits
            sliced = squared_wasserstein_1d(x @ directions, weights, style @ directions).mean()
        return sliced / (total_variance(style) / channels) if self.reduction == "relative" else sliced
