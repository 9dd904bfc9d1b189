"""Second-order moments of features, and the base class of the losses that compare them."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from nst import kernels
from nst.losses.base import LAYER_REDUCTIONS, Stats, Term, combine, layer_factors, layer_mask
from nst.losses.quadratic import Quadratic, quadratic_losses
from nst.utils.errors import check_choice

BLOCK, LINE = 1024, 128
"""Number of positions whose outer products (BLOCK) or values (LINE) are summed in 16 bits before the rest in 32."""


class MomentLoss(Term):
    """A style loss that compares the moments of the image's features with those of the style's, layer by layer.

    What is measured of a layer is its matrix of moments M, see `moments`. A subclass defines `distance`. One that is a
    weighted sum of squares may also define `quadratic`: on a GPU, where every operator costs the host a launch, its
    value and gradient are then computed in closed form.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: What the distance is divided by, one of `reductions`; see the subclass.
        layer_reduction: `sum` or `mean` over the layers.
    """

    of = "style"
    reductions: ClassVar[tuple[str, ...]]

    def __init__(self, *, layers: Mapping[str, float], weight: float, reduction: str, layer_reduction: str) -> None:
        super().__init__(layers=layers, weight=weight)
        self.reduction = check_choice("reduction", reduction, self.reductions)
        self.layer_reduction = check_choice("layer_reduction", layer_reduction, LAYER_REDUCTIONS)

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> M, (C + 1, C + 1)."""
        return {name: moments(features[name], layer_mask(mask, name)) for name in self.layers}

    def prepare(self, reference: Stats) -> Stats:
        """Add the parts of the closed form where the reference is on a GPU with float64."""
        if any(stat.device.type in ("cpu", "mps") for stat in reference.values()):
            return reference
        return reference | self.closed_form(reference)

    def closed_form(self, reference: Stats) -> Stats:
        """Return the parts of the closed form, under keys of their own; empty for a loss that has none."""
        out: Stats = {}
        for name, factor in layer_factors(self.layers, self.layer_reduction).items():
            form = self.quadratic(reference[name].double())
            out |= {} if form is None else form.times(factor).stats(name)
        return out

    def quadratic(self, style: Tensor) -> Quadratic | None:
        """Return the distance from a style's moments, (C + 1, C + 1) in float64, as a weighted sum of squares."""
        return None

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted distance."""
        forms = [Quadratic.of(reference, name) for name in self.layers]
        if all(form is not None for form in forms):
            losses_of = quadratic_losses([total[name] for name in self.layers], [f for f in forms if f is not None])
            return dict(zip(self.layers, losses_of, strict=True))
        losses = {name: self.distance(total[name], reference[name]) for name in self.layers}
        # first the type, then the device: Apple's GPU takes no float64, and gradients go the other way round
        losses = {name: loss.to(total[name].dtype).to(total[name].device) for name, loss in losses.items()}
        return combine(losses, self.layers, self.layer_reduction)

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return a scalar that compares the moments of the image and of the style, both (C + 1, C + 1)."""
        raise NotImplementedError


def moments(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Sum the second-order moments of features over positions.

    `M = sum_p w_p [f_p; 1] [f_p; 1]^T = [[G, s], [s^T, n]]`: the Gram matrix G, the sum s of each channel and the
    (weighted) number n of positions.

    Args:
        features: f, (1, C, h, w).
        mask: w, (1, 1, h, w); None for 1 everywhere.

    Returns:
        (C + 1, C + 1), in float32, or in float64 for features in float64.
    """
    f = features.squeeze(0).flatten(1)  # (C, P); the backward pass of features[0] would allocate a map of zeros
    weights = None if mask is None else mask.squeeze(0).flatten(1).to(f)  # (1, P)
    out: Tensor = _Moments.apply(f, weights)
    return out


class _Moments(torch.autograd.Function):
    """M, with the gradient `dL/df_p = w_p ((dL/dG + dL/dG^T) f_p + dL/ds)`.

    The gradient takes one matrix product where autograd takes two and an addition. It has the memory format of the
    features, because the layer before would otherwise convert it at every step.

    Features in 16 bits are summed in blocks of positions. Each block's sum is rounded to 16 bits and added to a float32
    total: the rounding errors of many blocks cancel, and the features need no float32 copy.
    """

    @staticmethod
    def forward(ctx: Any, f: Tensor, weights: Tensor | None) -> Tensor:
        weighted = f if weights is None else f * weights
        ctx.save_for_backward(weighted, weights)
        wide = torch.float64 if f.dtype == torch.float64 else torch.float32
        out = f.new_empty(len(f) + 1, len(f) + 1, dtype=wide)
        if (
            f.dtype == wide and f.device.type == "cuda"
        ):  # into their places, without copies; MKL may round otherwise, MPS lose them
            with torch.autocast(f.device.type, enabled=False):
                torch.mm(weighted, f.T, out=out[:-1, :-1])
                torch.sum(weighted, 1, out=out[-1, :-1])
        else:
            out[:-1, :-1] = _gram(weighted, f)
            out[-1, :-1] = _sums(weighted)
        out[:-1, -1] = out[-1, :-1]
        if weights is None:
            out[-1, -1].fill_(f.shape[1])
        else:
            out[-1, -1] = weights.sum(dtype=wide)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        weighted, weights = ctx.saved_tensors
        of_gram = (gradient[:-1, :-1] + gradient[:-1, :-1].T).to(weighted)
        of_sums = (gradient[:-1, -1] + gradient[-1, :-1]).to(weighted)
        channels_last = weighted.stride(0) == 1
        with torch.autocast(gradient.device.type, enabled=False):
            if weights is None:
                if channels_last:
                    return kernels.addmm(of_sums, weighted.T, of_gram).T, None
                return torch.addmm(of_sums[:, None], of_gram, weighted), None
            shift = weights.T * of_sums  # (P, C)
            if channels_last:
                return torch.addmm(shift, weighted.T, of_gram).T, None
            return torch.addmm(shift.T, of_gram, weighted), None


def _gram(weighted: Tensor, f: Tensor) -> Tensor:
    """Return weighted f^T, (C, C), of two (C, P)."""
    with torch.autocast(f.device.type, enabled=False):
        if f.dtype not in (torch.float16, torch.bfloat16):
            return weighted @ f.T
        return _product_by_blocks(weighted, f, BLOCK)


def _sums(f: Tensor) -> Tensor:
    """Return the sum over positions, (C), of (C, P)."""
    if f.dtype not in (torch.float16, torch.bfloat16):
        return f.sum(1)
    with torch.autocast(f.device.type, enabled=False):
        return _product_by_blocks(f.new_ones(1, 1).expand(1, f.shape[1]), f, LINE).squeeze(0)


def _product_by_blocks(one: Tensor, other: Tensor, edge: int) -> Tensor:
    """Return one other^T, (A, B) in float32, of 16-bit (A, P) and (B, P), summed over blocks of `edge` positions."""
    count = one.shape[1] // edge
    end = count * edge
    a, b = (x[:, :end].reshape(len(x), count, edge).transpose(0, 1) for x in (one, other))  # (count, A, edge)
    return torch.bmm(a, b.transpose(1, 2)).sum(0, dtype=torch.float32) + one[:, end:] @ other[:, end:].T


def mean_covariance(m: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the covariance of the features behind moments `M = [[G, s], [s^T, n]]`.

    `mu = s / n` and `S = G / n - mu mu^T`. They are computed in float64, because the difference cancels digits; on the
    CPU if the device has no float64.

    Args:
        m: M, (C + 1, C + 1), from `moments`.

    Returns:
        mu, (C), and S, (C, C), float64.
    """
    wide = (m.cpu() if m.device.type == "mps" else m).to(torch.float64)
    n = wide[-1, -1].detach()
    mean = wide[-1, :-1] / n
    return mean, wide[:-1, :-1] / n - torch.outer(mean, mean)


def standard_deviation(covariance: Tensor) -> Tensor:
    """Return the standard deviation of each channel, `sqrt(diag(S) + 1e-5)`, (C), of a covariance S, (C, C).

    The 1e-5 keeps the gradient finite where a channel is constant.

    Source: Huang & Belongie 2017; the epsilon is that of the authors' code.
    """
    return (covariance.diagonal().clamp_min(0) + 1e-5).sqrt()
