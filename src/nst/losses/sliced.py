"""Sliced Wasserstein: the whole distribution of the features, line by line, not only its mean and covariance."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nst.losses.base import Stats, Term, at, check_choice, combine
from nst.losses.sampling import check_count, mixed, rows
from nst.losses.transport import along_lines, spread


class SlicedWasserstein(Term):
    """Mean over random directions of the squared Wasserstein-2 distance of the features projected on them.

    `SW = 1/K sum_k W2^2(F theta_k, S theta_k)`, with K unit vectors drawn anew at every step. Per layer, by
    `reduction`: `relative`: SW / (tr Cov(S) / C), ours: 1 for a flat picture with the style's mean; `mean`: SW.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: As above.
        layer_reduction: `sum` or `mean` over the layers.
        projections: K, directions a step.
        positions: Positions compared at most, drawn anew at every step; of the style, drawn once.

    Source: Heitz, Vanhoey, Chambon & Belcour 2021 (A Sliced Wasserstein Loss for Neural Texture Synthesis).

    Differs: they take all positions and as many directions as channels.
    """

    of = "style"
    additive = False

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
        super().__init__(layers=layers, weight=weight)
        self.reduction = check_choice("loss.style.reduction", reduction, ("relative", "mean"))
        self.layer_reduction = check_choice("loss.style.layer_reduction", layer_reduction, ("sum", "mean"))
        self.projections = check_count("loss.style.projections", projections)
        self.positions = check_count("loss.style.positions", positions)

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> some of the style's features, (m, C)."""
        kept = {k: rows(features[k], at(mask, k), most=self.positions, draw=0) for k in self.layers}
        return {name: value[:, :-1].detach() for name, value in kept.items()}

    def mix(self, references: Sequence[Stats], shares: Sequence[float]) -> Stats:
        """Return features of all pictures, as many of each as its share says."""
        return mixed(references, shares)

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> some of the features and their weights, (n, C + 1)."""
        return {k: rows(features[k], at(mask, k), most=self.positions, draw=self.draw) for k in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted distance."""
        shares = {name: self._distance(total[name], reference[name]) for name in self.layers}
        return combine(shares, self.layers, self.layer_reduction)

    def _distance(self, total: Tensor, style: Tensor) -> Tensor:
        channels = style.shape[1]
        generator = torch.Generator().manual_seed(self.draw)
        lines = torch.randn(channels, self.projections, generator=generator, dtype=torch.float64)
        lines = (lines / lines.norm(dim=0)).to(total)
        distance = along_lines(total[:, :-1] @ lines, total[:, -1:], style.to(total) @ lines).mean()
        return distance / (spread(style) / channels) if self.reduction == "relative" else distance
