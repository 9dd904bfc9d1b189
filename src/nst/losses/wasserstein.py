"""The style loss of crowsonkb: squared Wasserstein-2 distance of Gaussians with the features' mean and covariance."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.losses.base import nonzero
from nst.losses.moments import MomentLoss, mean_covariance


class Wasserstein(MomentLoss):
    """Squared Wasserstein-2 distance of the Gaussians N(mu, S) of the image's features and N(nu, T) of the style's.

    `W^2 = ||mu - nu||^2 + tr(S + T - 2 (T^1/2 S T^1/2)^1/2)` with mu and nu (C), S and T (C, C), after a ridge was
    added to the diagonals of S and T. The distance of a layer depends on `reduction`:

    * `relative`: W^2 / tr T, which is 1 for a flat image with the style's mean. The ridge is `ridge` tr T / C.
    * `mean`: W^2 / C, as in crowsonkb's program. The ridge is `ridge`.
    * `sum`: W^2. The ridge is `ridge`.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: See above.
        layer_reduction: `sum` or `mean` over the layers.
        ridge: See above, more than 0.

    Source: crowsonkb/style-transfer-pytorch (`reduction=mean`, `ridge=1e-4`). Dowson & Landau 1982 (the distance).

    Differs: `relative` is ours. The matrix root is exact, not 12 Newton-Schulz iterations, and in float64.
    """

    reductions = ("relative", "mean", "sum")

    def __init__(
        self, *, layers: Mapping[str, float], weight: float, reduction: str, layer_reduction: str, ridge: float
    ) -> None:
        super().__init__(layers=layers, weight=weight, reduction=reduction, layer_reduction=layer_reduction)
        if not ridge > 0:
            raise ValueError(f"ridge is {ridge:g}; give a number over 0, such as 1e-4")
        self.ridge = ridge

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from the moments of the image and of the style, (C + 1, C + 1)."""
        (mean, covariance), (target_mean, target) = mean_covariance(image), mean_covariance(style)
        variance = target.trace()
        ridge = self.ridge * (nonzero(variance / len(target)) if self.reduction == "relative" else 1)
        eye = ridge * torch.eye(len(target)).to(target)
        squared = (mean - target_mean).square().sum() + squared_bures(covariance + eye, target + eye)
        if self.reduction == "relative":
            return squared / nonzero(variance)
        return squared / {"mean": len(target), "sum": 1}[self.reduction]


def squared_bures(s: Tensor, t: Tensor) -> Tensor:
    """Return the squared Bures distance `tr(S + T - 2 (T^1/2 S T^1/2)^1/2)` of two covariances.

    Only the trace of the root is needed. With the Cholesky factor L, `T = L L^T`, the symmetric matrix L^T S L has the
    eigenvalues of T^1/2 S T^1/2, so the trace is the sum of their square roots. Its gradient with respect to S,
    `L (L^T S L)^-1/2 L^T / 2`, is bounded as long as the smallest eigenvalues of S and T are.

    Args:
        s: S, (C, C), symmetric and positive definite.
        t: T, likewise.

    Returns:
        A scalar, 0 or more.
    """
    factor = torch.linalg.cholesky(t)
    roots = torch.linalg.eigvalsh(factor.mT @ s @ factor).clamp_min(torch.finfo(s.dtype).tiny).sqrt()
    distance: Tensor = s.trace() + t.trace() - 2 * roots.sum()
    return distance
