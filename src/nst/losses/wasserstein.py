"""The style loss of crowsonkb: squared Wasserstein-2 distance of Gaussians with the features' mean and covariance."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nst.losses.base import check_count, nonzero
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
        iterations: Of the Newton-Schulz approximation of the matrix roots, which starts too low: 12 of them miss 5 to
            8 % of the distance of trained VGG-19's features. None: exact roots, in float64.

    Source: crowsonkb/style-transfer-pytorch (`reduction=mean`, `ridge=1e-4`, `iterations=12`). Dowson & Landau 1982
    (the distance). Lin & Maji 2017 (Improved Bilinear Pooling with CNNs, arXiv 1707.06772), sections 3.1 and 3.2 (the
    approximate root and its gradient).

    Differs: `relative` is ours.
    """

    static = False  # the host waits for the exact roots
    reductions = ("relative", "mean", "sum")

    def __init__(
        self,
        *,
        layers: Mapping[str, float],
        weight: float,
        reduction: str,
        layer_reduction: str,
        ridge: float,
        iterations: int | None = None,
    ) -> None:
        super().__init__(layers=layers, weight=weight, reduction=reduction, layer_reduction=layer_reduction)
        if not ridge > 0:
            raise ValueError(f"ridge is {ridge:g}; give a number over 0, such as 1e-4")
        self.ridge = ridge
        self.iterations = iterations if iterations is None else check_count("iterations", iterations)

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from the moments of the image and of the style, (C + 1, C + 1)."""
        (mean, covariance), (target_mean, target) = mean_covariance(image), mean_covariance(style)
        variance = target.trace()
        ridge = self.ridge * (nonzero(variance / len(target)) if self.reduction == "relative" else 1)
        eye = ridge * torch.eye(len(target)).to(target)
        squared = (mean - target_mean).square().sum() + self._bures(image, covariance + eye, target + eye)
        if self.reduction == "relative":
            return squared / nonzero(variance)
        return squared / {"mean": len(target), "sum": 1}[self.reduction]

    def _bures(self, image: Tensor, s: Tensor, t: Tensor) -> Tensor:
        if self.iterations is None:
            return squared_bures(s, t)
        # the precision of the moments; the type first: Apple's GPU has no float64, and gradients go back this way
        a, b = (one.to(image.dtype).to(image.device) for one in (s, t))
        factor = approximate_root(b, self.iterations)
        distance: Tensor = (a + b - 2 * approximate_root(factor @ a @ factor, self.iterations)).trace()
        return distance.to(s.device).to(s.dtype)


def squared_bures(s: Tensor, t: Tensor) -> Tensor:
    """Return the squared Bures distance `tr(S + T - 2 (T^1/2 S T^1/2)^1/2)` of two covariances.

    Only the trace of the root is needed. With the Cholesky factor L, `T = L L^T`, the symmetric matrix L^T S L has the
    eigenvalues of T^1/2 S T^1/2, so the trace is the sum of their square roots. Its gradient with respect to S,
    `L (L^T S L)^-1/2 L^T / 2`, is bounded as long as the smallest eigenvalues of S and T are.

    Args:
        s: S, (C, C), symmetric and, but for rounding, positive semidefinite.
        t: T, likewise.

    Returns:
        A scalar, 0 or more.
    """
    factor, failed = torch.linalg.cholesky_ex(t)
    if failed:  # few positions: the rounding of the moments is larger than the ridge
        values, vectors = torch.linalg.eigh(t)
        factor = vectors * values.clamp_min(0).sqrt()
    roots = torch.linalg.eigvalsh(factor.mT @ s @ factor).clamp_min(torch.finfo(s.dtype).tiny).sqrt()
    distance: Tensor = s.trace() + t.trace() - 2 * roots.sum()
    return distance


def approximate_root(a: Tensor, iterations: int) -> Tensor:
    """Return the Newton-Schulz approximation of the square root of a symmetric, positive definite matrix A, (C, C).

    From `Y = A / ||A||` and `Z = I`: `T = (3 I - Z Y) / 2`, `Y <- Y T`, `Z <- T Z`; the root is `sqrt(||A||) Y`. Its
    gradient solves `Y Q + Q Y = dL/dY` by as many iterations of the same kind.
    """
    out: Tensor = _ApproximateRoot.apply(a, iterations)
    return out


class _ApproximateRoot(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, iterations: int) -> Tensor:
        norm, three = a.norm(), 3 * torch.eye(len(a)).to(a)
        y, z = a / norm, three / 3
        for _ in range(iterations):
            t = (three - z @ y) / 2
            y, z = y @ t, t @ z
        root: Tensor = y * norm.sqrt()
        ctx.save_for_backward(root)
        ctx.iterations = iterations
        return root

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (root,) = ctx.saved_tensors
        norm, three = root.norm(), 3 * torch.eye(len(root)).to(root)
        y, q = root / norm, gradient / norm
        for _ in range(ctx.iterations):
            t = three - y @ y
            q = (q @ t - y.T @ (y.T @ q - q @ y)) / 2
            y = y @ t / 2
        return q / 2, None
