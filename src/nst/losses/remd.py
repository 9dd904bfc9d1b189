"""The style loss of STROTSS: the relaxed earth mover's distance, which matches each feature with its nearest."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.losses.base import Stats
from nst.losses.sampling import (
    HYPERCOLUMN,
    SampledLoss,
    cosine_distance,
    hypercolumns,
    sample_finest,
    total_variance,
    weighted_mean,
    with_weights,
)
from nst.utils.errors import check_choice


class RelaxedEarthMover(SampledLoss):
    """Relaxed earth mover's distance between the hypercolumns of the image, x_i, and of the style, y_j.

    `max(1/n sum_i min_j d(x_i, y_j), 1/m sum_j min_i d(x_i, y_j))`: each feature of the image should be like some
    feature of the style, and each feature of the style should occur in the image. A hypercolumn stacks the features of
    all layers, D channels in all, at one of n or m sampled positions. d depends on `distance`:

    * `cosine`: 1 - cos(x_i, y_j), in [0, 2].
    * `euclidean`: ||x_i - y_j|| / sqrt(tr Cov(y)). Over the layer `image` it is STROTSS's palette loss.

    Args:
        layers: Layer name -> weight; its square root multiplies the layer's part of the hypercolumn.
        weight: Weight of the term.
        distance: See above.
        positions: Largest number n of positions of the image in a sample, drawn anew at every step.
        candidates: Largest number m of positions of the style in a sample, drawn once.

    Source: Kolkin, Salavon & Shakhnarovich 2019 (STROTSS), equations 5 to 7 and 9.

    Differs: the palette is compared in RGB relative to its own spread, not in a decorrelated colour space.
    """

    def __init__(
        self, *, layers: Mapping[str, float], weight: float, distance: str, positions: int, candidates: int
    ) -> None:
        super().__init__(
            layers=layers, weight=weight, layer_reduction="sum", positions=positions, candidates=candidates
        )
        self.ground_distance = check_choice("distance", distance, ("cosine", "euclidean"))

    def sample(self, features: Stats, mask: Stats | None, *, most: int, seed: int) -> Stats:
        """Return up to `most` hypercolumns, with the weights of their positions in the last column, (n, D + 1)."""
        chosen, finest_mask = sample_finest(features, self.layers, mask, most=most, seed=seed)
        return {HYPERCOLUMN: with_weights(hypercolumns(features, self.layers, chosen), finest_mask, chosen)}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return the distance, one for all layers."""
        image = total[HYPERCOLUMN]
        return {HYPERCOLUMN: self.distance(image, reference[HYPERCOLUMN].to(image))}

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from samples of the image, (n, D + 1), and of the style, (m, D)."""
        x, weights = image[:, :-1], image[:, -1]
        if self.ground_distance == "cosine":
            cost = cosine_distance(x, style)  # (n, m)
        else:
            cost = torch.cdist(x, style, compute_mode="donot_use_mm_for_euclid_dist") / total_variance(style).sqrt()
        return torch.maximum(weighted_mean(cost.amin(1), weights), cost.amin(0).mean())
