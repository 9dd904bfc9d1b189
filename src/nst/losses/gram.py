"""The style loss of Gatys et al.: squared distance of Gram matrices, in every convention of the field."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nst.kernels import onednn
from nst.losses.base import Stats, Term, at, check_choice, combine

BLOCK, LINE = 1024, 128  # positions whose products, whose values are added up in 16 bits


def moments(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Sum the second-order statistics of features over positions.

    `M = sum_p w_p [f_p; 1] [f_p; 1]^T`: the Gram matrix, the channel sums and the (weighted) count of positions in one.

    Args:
        features: (1, C, h, w).
        mask: w, (1, 1, h, w); None for 1 everywhere.

    Returns:
        (C + 1, C + 1), float32 or better.
    """
    f = features.squeeze(0).flatten(1)  # (C, P); an index instead would fill a map with zeros on its way back
    weights = None if mask is None else mask.squeeze(0).flatten(1).to(f)  # (1, P)
    out: Tensor = _Moments.apply(f, weights)
    return out


class _Moments(torch.autograd.Function):
    """`M`, and `dL/df_p = w_p ((dL/dG + dL/dG^T) f_p + dL/ds)`: one product, where autograd takes two and an addition.

    Of 16-bit features the sums over a block of positions are rounded to 16 bits, and added up in 32: the rounding
    errors of many blocks cancel, and no wide copy of the features is made. The gradient has the features' own order in
    memory: another would have to be turned at every step before.
    """

    @staticmethod
    def forward(ctx: Any, f: Tensor, weights: Tensor | None) -> Tensor:
        weighted = f if weights is None else f * weights
        ctx.save_for_backward(weighted, weights)
        wide = torch.float64 if f.dtype == torch.float64 else torch.float32
        out = f.new_empty(len(f) + 1, len(f) + 1, dtype=wide)
        out[:-1, :-1] = _products(weighted, f)
        out[-1, :-1] = out[:-1, -1] = _sums(weighted)
        out[-1, -1] = f.shape[1] if weights is None else weights.sum(dtype=wide)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        weighted, weights = ctx.saved_tensors
        both = (gradient[:-1, :-1] + gradient[:-1, :-1].T).to(weighted)
        sums = (gradient[:-1, -1] + gradient[-1, :-1]).to(weighted)
        with torch.autocast(gradient.device.type, enabled=False):
            shift = sums if weights is None else weights.T * sums
            if weighted.stride(0) == 1:  # channels last
                if weights is None and onednn.takes(weighted.device, weighted.dtype):
                    return onednn.affine(weighted.T, both, sums).T, None  # no copies of the sums are written first
                return torch.addmm(shift, weighted.T, both).T, None
            return torch.addmm(shift[:, None] if weights is None else shift.T, both, weighted), None


def _products(weighted: Tensor, f: Tensor) -> Tensor:
    """Sum the outer products of the columns of two (C, P): (C, C)."""
    with torch.autocast(f.device.type, enabled=False):
        if f.dtype not in (torch.float16, torch.bfloat16):
            return weighted @ f.T
        return _by_blocks(weighted, f, BLOCK)


def _sums(f: Tensor) -> Tensor:
    """Sum the columns of (C, P): (C)."""
    if f.dtype not in (torch.float16, torch.bfloat16):
        return f.sum(1)
    with torch.autocast(f.device.type, enabled=False):
        return _by_blocks(f.new_ones(1, 1).expand(1, f.shape[1]), f, LINE).squeeze(0)


def _by_blocks(one: Tensor, other: Tensor, edge: int) -> Tensor:
    """Return one @ other.T, of 16-bit (A, P) and (B, P), as a float32 sum over blocks of positions: (A, B)."""
    count = one.shape[1] // edge
    end = count * edge
    a, b = (x[:, :end].reshape(len(x), count, edge).transpose(0, 1) for x in (one, other))  # (count, A, edge)
    return torch.bmm(a, b.transpose(1, 2)).sum(0, dtype=torch.float32) + one[:, end:] @ other[:, end:].T


class Gram(Term):
    """Squared distance of the Gram matrices of the image, G, and of the style, A: N x N with N channels.

    `G = sum_p f_p f_p^T / n`, with n by `normalize`: `none` 1, `hw` M (positions), `chw` N M. Then, by `reduction`:

    * `relative`: ||G - A||^2 / ||A||^2, ours: the same weights look alike on any backbone and layers.
    * `sum`: ||G - A||^2. `mean`: ||G - A||^2 / N^2.
    * `mean_chw`: ||G - A||^2 / (N^2 N M), M of the image: the Udacity exercise.
    * `paper`: ||G - A||^2 / (4 N^2 M^2), M of the image, for raw Grams.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        normalize: `none`, `hw` or `chw`.
        reduction: As above.
        layer_reduction: `sum` or `mean` over the layers.

    Source: Gatys, Ecker & Bethge 2016, equations 3 to 5 (`normalize=none`, `reduction=paper`).

    Differs: `relative`; and with `paper` each Gram has its own picture's M where the sizes differ.
    """

    of = "style"

    def __init__(
        self,
        *,
        layers: Mapping[str, float],
        weight: float,
        normalize: str,
        reduction: str,
        layer_reduction: str,
    ) -> None:
        super().__init__(layers=layers, weight=weight)
        self.normalize = check_choice("loss.style.normalize", normalize, ("none", "hw", "chw"))
        reductions = ("relative", "sum", "mean", "mean_chw", "paper")
        self.reduction = check_choice("loss.style.reduction", reduction, reductions)
        self.layer_reduction = check_choice("loss.style.layer_reduction", layer_reduction, ("sum", "mean"))

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> moments, (C + 1, C + 1)."""
        return {name: moments(features[name], at(mask, name)) for name in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted squared distance."""
        return combine(
            {name: self._distance(total[name], reference[name]) for name in self.layers},
            self.layers,
            self.layer_reduction,
        )

    def _distance(self, total: Tensor, reference: Tensor) -> Tensor:
        target = self._gram(reference)
        squared = (self._gram(total) - target).square().sum()
        n, positions = target.shape[0], total[-1, -1].detach()
        if self.reduction == "relative":
            return squared / target.square().sum().clamp_min(torch.finfo(target.dtype).tiny)
        divisors: dict[str, Tensor | float] = {
            "sum": 1,
            "mean": n**2,
            "mean_chw": n**3 * positions,
            "paper": 4 * n**2 * positions**2,
        }
        return squared / divisors[self.reduction]

    def _gram(self, m: Tensor) -> Tensor:
        gram, positions = m[:-1, :-1], m[-1, -1].detach()
        divisors: dict[str, Tensor | float] = {"none": 1, "hw": positions, "chw": positions * gram.shape[0]}
        return gram / divisors[self.normalize]
