"""Relaxed earth mover's distance: the image's features and the style's, each with its nearest in the other."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nst.losses.base import Stats, Term, check_choice
from nst.losses.sampling import check_count, cosine_distance, hypercolumns, largest, mixed, pick, weights
from nst.losses.transport import spread

KEY = "hypercolumn"
"""All layers are one feature here, so they share one name."""


class RelaxedEarthMover(Term):
    """Relaxed earth mover's distance between the hypercolumns of the image, x, and of the style, y.

    `max(1/n sum_i min_j d(x_i, y_j), 1/m sum_j min_i d(x_i, y_j))`: no feature without a model in the style, and no
    feature of the style without use. d, by `distance`: `cosine`: 1 - cos, in [0, 2]; `euclidean`: ||x - y|| over the
    root of the trace of y's covariance, for the layer `image`: STROTSS's palette.

    Args:
        layers: Layer name -> weight; its root multiplies the layer's part of the hypercolumn.
        weight: Weight of the term.
        distance: As above.
        positions: Positions of the image compared at most, drawn anew at every step.
        candidates: Positions of the style compared at most, drawn once.

    Source: Kolkin, Salavon & Shakhnarovich 2019 (STROTSS), equations 5 to 7 and 9.

    Differs: the palette is compared in RGB over its own spread, not in a decorrelated space.
    """

    of = "style"
    additive = False

    def __init__(
        self, *, layers: Mapping[str, float], weight: float, distance: str, positions: int, candidates: int
    ) -> None:
        super().__init__(layers=layers, weight=weight)
        self.distance = check_choice("loss.style.distance", distance, ("cosine", "euclidean"))
        self.positions = check_count("loss.style.positions", positions)
        self.candidates = check_count("loss.style.candidates", candidates)

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return some of the style's hypercolumns, (m, sum of C)."""
        return {KEY: self._rows(features, mask, self.candidates, 0)[:, :-1].detach()}

    def mix(self, references: Sequence[Stats], shares: Sequence[float]) -> Stats:
        """Return hypercolumns of all pictures, as many of each as its share says."""
        return mixed(references, shares)

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return some hypercolumns and their weights, (n, sum of C + 1)."""
        return {KEY: self._rows(features, mask, self.positions, self.draw)}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return the distance, all layers in one."""
        x, w = total[KEY][:, :-1], total[KEY][:, -1]
        y = reference[KEY].to(x)
        if self.distance == "cosine":
            cost = cosine_distance(x, y)
        else:
            cost = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist") / spread(y).sqrt()
        there = (w * cost.amin(1)).sum() / w.sum()
        return {KEY: torch.maximum(there, cost.amin(0).mean())}

    def _rows(self, features: Stats, mask: Stats | None, most: int, draw: int) -> Tensor:
        finest = largest(features, self.layers)
        where = None if mask is None else mask[next(k for k in self.layers if features[k] is finest)]
        chosen = pick(finest.shape[-2] * finest.shape[-1], where, most=most, draw=draw).to(finest.device)
        values = hypercolumns(features, self.layers, chosen)
        return torch.cat([values, weights(where, chosen, values)], dim=1)
