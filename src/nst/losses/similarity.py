"""The content loss of STROTSS: keeps how similar the content's positions are to each other."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.losses.base import Stats, Term, check_count
from nst.losses.sampling import HYPERCOLUMN, cosine_distance, hypercolumns, sample_finest


class SelfSimilarity(Term):
    """Absolute difference of the self-distances of the image's hypercolumns, x_i, and of the content's, y_i.

    `1/n sum_ij |D_ij(x) / sum_i D_ij(x) - D_ij(y) / sum_i D_ij(y)|`, in [0, 2], with `D_ij(x) = 1 - cos(x_i, x_j)` and
    the same n sampled positions in both. A hypercolumn stacks the features of all layers, D channels in all.

    Args:
        layers: Layer name -> weight; its square root multiplies the layer's part of the hypercolumn.
        weight: Weight of the term.
        positions: Largest number n of positions in a sample, drawn anew at every step.

    Source: Kolkin, Salavon & Shakhnarovich 2019 (STROTSS), equation 4.

    Differs: multiplied by n.
    """

    of = "content"
    spatial = True
    static = False
    additive = False

    def __init__(self, *, layers: Mapping[str, float], weight: float, positions: int) -> None:
        super().__init__(layers=layers, weight=weight)
        self.positions = check_count("positions", positions)

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> the content's features, (1, C, h, w)."""
        return {name: features[name].detach() for name in self.layers}

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return the hypercolumns of image and content at the same positions, (2, n, D)."""
        chosen, _ = sample_finest(features, self.layers, mask, most=self.positions, seed=self.sampling_step)
        return {HYPERCOLUMN: torch.stack([hypercolumns(one, self.layers, chosen) for one in (features, reference)])}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return the difference, one for all layers."""
        x, y = (_normalized_distances(columns) for columns in total[HYPERCOLUMN])
        return {HYPERCOLUMN: (x - y).abs().sum() / len(x)}


def _normalized_distances(columns: Tensor) -> Tensor:
    """Return D_ij / sum_i D_ij, (n, n), of hypercolumns (n, D)."""
    distance = cosine_distance(columns, columns)
    normalized: Tensor = distance / distance.sum(0).clamp_min(1e-6)
    return normalized
