"""The style loss of Gatys et al.: squared distance of Gram matrices, in every convention of the field."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.losses.term import Stats, Term, at, check_choice, combine


def moments(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Sum the second-order statistics of features over positions.

    `M = sum_p w_p [f_p; 1] [f_p; 1]^T`: the Gram matrix, the channel sums and the (weighted) count of positions in one.

    Args:
        features: (1, C, h, w).
        mask: w, (1, 1, h, w); None for 1 everywhere.

    Returns:
        (C + 1, C + 1), float32 or better.
    """
    f = features[0].flatten(1)  # (C, P)
    weighted = f if mask is None else f * mask[0].flatten(1).to(f)
    wide = torch.float64 if f.dtype == torch.float64 else torch.float32
    gram = (weighted @ f.T).to(wide)  # (C, C)
    sums = weighted.sum(1, dtype=wide)  # (C)
    count = f.new_tensor(f.shape[1], dtype=wide) if mask is None else mask.sum(dtype=wide)
    top = torch.cat([gram, sums[:, None]], dim=1)
    return torch.cat([top, torch.cat([sums, count[None]])[None]], dim=0)


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
