"""Losses of moments that are weighted sums of squares, with their gradient in closed form: few operators a layer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nst.losses.base import Stats

AIM, WEIGHTS, CENTRED = " aim", " weights", " centred weights"
"""What follows the layer's name in the keys of a reference."""


@dataclass(frozen=True)
class Quadratic:
    """A loss `sum(W (Z - A)^2)` of the moments `M = [[G, s], [s^T, n]]` of an image.

    `Z = M / n`, of which `s s^T / n^2` is taken from the first C rows and columns if the loss is centred:
    `Z = [[S, mu], [mu^T, 1]]` then holds the covariance and the mean.

    Attributes:
        aim: A, Z of the style, (C + 1, C + 1) in float64.
        weights: W, likewise. Its last column is 0, for it would count the mean twice.
        centred: See above.
    """

    aim: Tensor
    weights: Tensor
    centred: bool

    @classmethod
    def between(
        cls, style: Tensor, *, square: Tensor | float, mean: Tensor | float = 0.0, centred: bool
    ) -> "Quadratic":
        """Return the loss for a style's moments.

        Args:
            style: M, (C + 1, C + 1) in float64.
            square: Weight of the squared differences of the Gram matrix over n, or of the covariance.
            mean: Weight of those of the mean.
            centred: Whether it is the covariance.
        """
        weights = torch.zeros_like(style)
        weights[:-1, :-1] = square
        weights[-1, :-1] = mean
        return cls(_normalized(style, style[-1:, -1], centred=centred), weights, centred)

    def times(self, factor: float) -> "Quadratic":
        """Return the loss times a factor."""
        return replace(self, weights=self.weights * factor)

    def stats(self, layer: str) -> Stats:
        """Return it as entries of a reference."""
        return {layer + AIM: self.aim, layer + (CENTRED if self.centred else WEIGHTS): self.weights}

    @classmethod
    def of(cls, reference: Stats, layer: str) -> "Quadratic | None":
        """Return what `stats` put into a reference; None if there is nothing."""
        if layer + AIM not in reference:
            return None
        centred = layer + CENTRED in reference
        return cls(reference[layer + AIM], reference[layer + (CENTRED if centred else WEIGHTS)], centred)


def quadratic_losses(moments: Sequence[Tensor], forms: Sequence[Quadratic]) -> tuple[Tensor, ...]:
    """Return the loss of each layer, scalars of the moments' type, computed in float64.

    The gradient takes M for symmetric: `dL/dZ = 2 W (Z - A)`, `dL/dG = dL/dZ / n` and, with D its first C rows and
    columns, `dL/ds = (dL/dmu - 2 D mu) / n`. n has none.

    Args:
        moments: M of each layer, (C + 1, C + 1).
        forms: The loss of each layer.
    """
    return tuple(_QuadraticLosses.apply(forms, *moments).unbind())


def _normalized(m: Tensor, count: Tensor, *, centred: bool) -> Tensor:
    z = m / count  # (1,) in float64, so the quotient is too
    if centred:
        z[:-1, :-1].addr_(z[-1, :-1], z[-1, :-1], alpha=-1)
    return z


class _QuadraticLosses(torch.autograd.Function):
    """One function for all layers: what is the same for each of them is one operator (`torch._foreach_...`)."""

    @staticmethod
    def forward(ctx: Any, forms: Sequence[Quadratic], *moments: Tensor) -> Tensor:
        counts = torch.stack([m[-1, -1] for m in moments]).double()
        normalized = [
            _normalized(m, counts[i : i + 1], centred=form.centred)
            for i, (m, form) in enumerate(zip(moments, forms, strict=True))
        ]
        differences = torch._foreach_sub(normalized, [form.aim for form in forms])
        weighted = torch._foreach_mul(differences, [form.weights for form in forms])
        losses = [torch.dot(d.view(-1), w.view(-1)) for d, w in zip(differences, weighted, strict=True)]
        ctx.centred = [form.centred for form in forms]
        ctx.dtype = moments[0].dtype
        ctx.save_for_backward(counts, *normalized, *weighted)
        return torch.stack(losses).to(ctx.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        counts, *kept = ctx.saved_tensors
        factors = 2 * gradient.double() / counts
        found = []
        for i, (z, weighted) in enumerate(zip(kept[: len(counts)], kept[len(counts) :], strict=True)):
            of_moments = weighted * factors[i]
            if ctx.centred[i]:
                of_moments[-1, :-1].addmv_(of_moments[:-1, :-1], z[-1, :-1], alpha=-2)
            found.append(of_moments)
        out = [torch.empty_like(one, dtype=ctx.dtype) for one in found]
        torch._foreach_copy_(out, found)
        return None, *out
