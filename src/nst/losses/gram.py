"""The style loss of Gatys et al.: squared distance of Gram matrices, with the scalings in use in the field."""

from collections.abc import Mapping

from torch import Tensor

from nst.losses.base import nonzero
from nst.losses.moments import MomentLoss
from nst.losses.quadratic import Quadratic
from nst.utils.errors import check_choice


class Gram(MomentLoss):
    """Squared Frobenius distance of the Gram matrices of the image, G, and of the style, A, both (C, C).

    `G = sum_p f_p f_p^T / d` with the features f_p, (C), of M positions p. d depends on `normalize`: 1 for `none`, M
    for `hw`, C M for `chw`. The distance of a layer depends on `reduction`:

    * `relative`: ||G - A||^2 / ||A||^2, so that equal weights act alike on any backbone and layer.
    * `sum`: ||G - A||^2.
    * `mean`: ||G - A||^2 / C^2.
    * `mean_chw`: ||G - A||^2 / (C^2 C M), with M of the image, as in the Udacity exercise.
    * `paper`: ||G - A||^2 / (4 C^2 M^2), with M of the image, meant for `normalize=none`.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        normalize: What the Gram matrices are divided by: `none`, `hw` or `chw`.
        reduction: What their distance is divided by, see above.
        layer_reduction: `sum` or `mean` over the layers.

    Source: Gatys, Ecker & Bethge 2016, equations 3 to 5 (`normalize=none`, `reduction=paper`).

    Differs: `relative` is ours. Image and style may have different sizes: with `normalize=none` each Gram matrix is the
    sum over its own picture's positions.
    """

    reductions = ("relative", "sum", "mean", "mean_chw", "paper")

    def __init__(
        self, *, layers: Mapping[str, float], weight: float, normalize: str, reduction: str, layer_reduction: str
    ) -> None:
        super().__init__(layers=layers, weight=weight, reduction=reduction, layer_reduction=layer_reduction)
        self.normalize = check_choice("normalize", normalize, ("none", "hw", "chw"))

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from the moments of the image and of the style, (C + 1, C + 1)."""
        target = self._gram(style)
        squared = (self._gram(image) - target).square().sum()
        channels, positions = len(target), image[-1, -1].detach()
        if self.reduction == "relative":
            return squared / nonzero(target.square().sum(), 1e-30)
        divisors: dict[str, Tensor | float] = {
            "sum": 1,
            "mean": channels**2,
            "mean_chw": channels**3 * positions,
            "paper": 4 * channels**2 * positions**2,
        }
        return squared / divisors[self.reduction]

    def quadratic(self, style: Tensor) -> Quadratic | None:
        """Return the same as a weighted sum of squares, where it does not depend on the image's size."""
        if self.normalize == "none" or self.reduction in ("mean_chw", "paper"):
            return None
        target, channels = self._gram(style), len(style) - 1
        square: Tensor | float = 1 / channels**2 if self.normalize == "chw" else 1.0
        if self.reduction == "relative":
            square = square / nonzero(target.square().sum(), 1e-30)
        elif self.reduction == "mean":
            square = square / channels**2
        return Quadratic.between(style, square=square, centred=False)

    def _gram(self, moments: Tensor) -> Tensor:
        gram, positions = moments[:-1, :-1], moments[-1, -1].detach()
        divisors: dict[str, Tensor | float] = {"none": 1, "hw": positions, "chw": positions * len(gram)}
        return gram / divisors[self.normalize]
