"""The style loss of crowsonkb: squared Wasserstein-2 distance of Gaussians with the features' mean and covariance."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.losses.base import Stats, Term, at, check_choice, combine
from nst.losses.gram import moments
from nst.losses.moments import floor, mean_covariance


class Wasserstein(Term):
    """Squared Wasserstein-2 distance of two Gaussians: (mu, S) of the image's features, (m, A) of the style's.

    `W^2 = ||mu - m||^2 + tr(S + A - 2 (A^1/2 S A^1/2)^1/2)`, both covariances with a ridge on the diagonal. Per layer,
    by `reduction`:

    * `relative`: W^2 / tr A, ours: 1 for a flat picture with the style's mean. The ridge is `ridge` tr A / C.
    * `mean`: W^2 / C with C channels: crowsonkb's. The ridge is `ridge`. `sum`: W^2, likewise.

    Only the trace of the root is needed. With the Cholesky factor A = L L^T, L^T S L is symmetric and has the
    eigenvalues of A^1/2 S A^1/2, so the trace is the sum of their roots; its gradient, L (L^T S L)^-1/2 L^T / 2, is
    bounded because the ridge keeps every eigenvalue over 0. In double precision throughout.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: As above.
        layer_reduction: `sum` or `mean` over the layers.
        ridge: As above, over 0.

    Source: crowsonkb/style-transfer-pytorch (`mean`, ridge 1e-4); Dowson & Landau 1982 (the distance).

    Differs: the root is exact where theirs takes 12 Newton-Schulz iterations.
    """

    of = "style"

    def __init__(
        self, *, layers: Mapping[str, float], weight: float, reduction: str, layer_reduction: str, ridge: float
    ) -> None:
        super().__init__(layers=layers, weight=weight)
        self.reduction = check_choice("loss.style.reduction", reduction, ("relative", "mean", "sum"))
        self.layer_reduction = check_choice("loss.style.layer_reduction", layer_reduction, ("sum", "mean"))
        if not ridge > 0:
            raise ValueError(f"loss.style.ridge is {ridge:g}; give a number over 0, such as 1e-4")
        self.ridge = ridge

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> moments, (C + 1, C + 1)."""
        return {name: moments(features[name], at(mask, name)) for name in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted squared distance."""
        shares = {name: self._distance(total[name], reference[name]).to(total[name]) for name in self.layers}
        return combine(shares, self.layers, self.layer_reduction)

    def _distance(self, total: Tensor, reference: Tensor) -> Tensor:
        (mean, covariance), (target, spread) = mean_covariance(total), mean_covariance(reference)
        scale = spread.trace()
        ridge = self.ridge * (floor(scale / len(target)) if self.reduction == "relative" else 1)
        eye = ridge * torch.eye(len(target)).to(spread)
        squared = (mean - target).square().sum() + bures(covariance + eye, spread + eye)
        if self.reduction == "relative":
            return squared / floor(scale)
        return squared / {"mean": len(target), "sum": 1}[self.reduction]


def bures(s: Tensor, a: Tensor) -> Tensor:
    """Return `tr(S + A - 2 (A^1/2 S A^1/2)^1/2)`, a scalar, for symmetric positive definite (C, C)."""
    factor = torch.linalg.cholesky(a)
    roots = torch.linalg.eigvalsh(factor.mT @ s @ factor).clamp_min(torch.finfo(s.dtype).tiny).sqrt()
    distance: Tensor = s.trace() + a.trace() - 2 * roots.sum()
    return distance
