"""Self-similarity: what is kept of the content is how alike its places are, not what they look like."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.losses.base import Stats, Term
from nst.losses.sampling import check_count, cosine_distance, hypercolumns, largest, pick

KEY = "hypercolumn"


class SelfSimilarity(Term):
    """Absolute difference of the self-distances of the image's hypercolumns, x, and of the content's, y.

    `1/n sum_ij |D_ij(x) / sum_i D_ij(x) - D_ij(y) / sum_i D_ij(y)|`, with `D_ij(x) = 1 - cos(x_i, x_j)` and the same n
    places in both; in [0, 2].

    Args:
        layers: Layer name -> weight; its root multiplies the layer's part of the hypercolumn.
        weight: Weight of the term.
        positions: n, drawn anew at every step.

    Source: Kolkin, Salavon & Shakhnarovich 2019 (STROTSS), equation 4, times n.
    """

    of = "content"
    spatial = True
    additive = False

    def __init__(self, *, layers: Mapping[str, float], weight: float, positions: int) -> None:
        super().__init__(layers=layers, weight=weight)
        self.positions = check_count("loss.content.positions", positions)

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> the content's features, (1, C, h, w)."""
        return {name: features[name].detach() for name in self.layers}

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return the hypercolumns of image and content at the same places, (2, n, sum of C)."""
        finest = largest(features, self.layers)
        where = None if mask is None else mask[next(k for k in self.layers if features[k] is finest)]
        count = finest.shape[-2] * finest.shape[-1]
        chosen = pick(count, where, most=self.positions, draw=self.draw).to(finest.device)
        return {KEY: torch.stack([hypercolumns(one, self.layers, chosen) for one in (features, reference)])}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return the difference, all layers in one."""
        x, y = (_shares(one) for one in total[KEY])
        return {KEY: (x - y).abs().sum() / len(x)}


def _shares(columns: Tensor) -> Tensor:
    distance = cosine_distance(columns, columns)
    shares: Tensor = distance / distance.sum(0).clamp_min(1e-6)
    return shares
