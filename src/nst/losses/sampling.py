"""Random samples of positions, and the base class of the losses that compare sampled features."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.losses.base import (
    LAYER_REDUCTIONS,
    Stats,
    Term,
    at_least_float32,
    check_count,
    combine,
    layer_mask,
    nonzero,
)
from nst.utils.deterministic import cumsum, grid_sample
from nst.utils.errors import check_choice

HYPERCOLUMN = "hypercolumn"
"""The name, in place of a layer's, of features that stack all layers."""


class SampledLoss(Term):
    """A style loss that compares features of the image with features of the style at sampled positions.

    Only a bounded number of positions is compared, so that memory is bounded. The style's are drawn once, the image's
    anew at every step, seeded by the step. Such a loss is not a sum over positions. A subclass defines `distance`.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        layer_reduction: `sum` or `mean` over the layers.
        positions: Largest number n of positions of the image in a sample, 1 or more.
        candidates: Largest number m of positions of the style in a sample, 1 or more.
    """

    of = "style"
    static = False
    additive = False

    def __init__(
        self, *, layers: Mapping[str, float], weight: float, layer_reduction: str, positions: int, candidates: int
    ) -> None:
        super().__init__(layers=layers, weight=weight)
        self.layer_reduction = check_choice("layer_reduction", layer_reduction, LAYER_REDUCTIONS)
        self.positions = check_count("positions", positions)
        self.candidates = check_count("candidates", candidates)

    def sample(self, features: Stats, mask: Stats | None, *, most: int, seed: int) -> Stats:
        """Return layer -> up to `most` rows of features, with their weights in the last column, (n, C + 1)."""
        return {k: sample_rows(features[k], layer_mask(mask, k), most=most, seed=seed) for k in self.layers}

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> a sample of the style's features, (m, C)."""
        sample = self.sample(features, mask, most=self.candidates, seed=0)
        return {name: rows[:, :-1].detach() for name, rows in sample.items()}

    def mix(self, references: Sequence[Stats], weights: Sequence[float]) -> Stats:
        """Return layer -> features of several pictures in one table, as many of each as its weight says, (m, C)."""
        out = {}
        for name in references[0]:
            most = min(len(one[name]) / weight for one, weight in zip(references, weights, strict=True))
            counts = [max(1, round(most * weight)) for weight in weights]
            out[name] = torch.cat([one[name][:n] for one, n in zip(references, counts, strict=True)])
        return out

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> a sample of the image's features with their weights, (n, C + 1)."""
        return self.sample(features, mask, most=self.positions, seed=self.sampling_step)

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted distance."""
        losses = {name: self.distance(total[name], reference[name].to(total[name])) for name in self.layers}
        return combine(losses, self.layers, self.layer_reduction)

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return a scalar that compares samples.

        Args:
            image: Features of the image x_i, with their weights w_i in the last column, (n, C + 1).
            style: Features of the style y_j, (m, C).
        """
        raise NotImplementedError


def sample_positions(count: int, mask: Tensor | None, *, most: int, seed: int) -> Tensor:
    """Return the shuffled indices of up to `most` of `count` positions, among those where the mask is not 0."""
    inside = None if mask is None else mask.flatten().nonzero()[:, 0].cpu()
    total = count if inside is None else len(inside)
    shuffled = torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:most]
    return shuffled if inside is None else inside[shuffled]


def sample_rows(features: Tensor, mask: Tensor | None, *, most: int, seed: int) -> Tensor:
    """Return the features of sampled positions as rows, with their weights in the last column.

    Args:
        features: (1, C, h, w).
        mask: (1, 1, h, w) in [0, 1]; None for 1 everywhere.
        most: Largest number of positions.
        seed: Of the random sample.

    Returns:
        (n, C + 1), float32 or float64.
    """
    flat = features[0].flatten(1).T  # (P, C)
    chosen = sample_positions(len(flat), mask, most=most, seed=seed).to(flat.device)
    return with_weights(at_least_float32(flat[chosen]), mask, chosen)


def with_weights(rows: Tensor, mask: Tensor | None, chosen: Tensor) -> Tensor:
    """Append to rows (n, C) the mask's values at the chosen positions (n), or 1 without a mask: (n, C + 1)."""
    weights = rows.new_ones(len(chosen), 1) if mask is None else mask.flatten()[chosen].to(rows)[:, None]
    return torch.cat([rows, weights], dim=1)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return `sum_i w_i x_i / sum_i w_i` of values x and weights w, both (n)."""
    return (weights * values).sum() / weights.sum()


def hypercolumns(features: Stats, layers: Mapping[str, float], chosen: Tensor) -> Tensor:
    """Return the features of all layers at some positions, stacked along the channels.

    Coarser layers are interpolated bilinearly. Each layer is multiplied by the square root of its weight.

    Args:
        features: Layer -> (1, C, h, w).
        layers: Layer -> weight.
        chosen: Indices of positions of the finest layer, (n).

    Returns:
        (n, sum of C), float32 or float64.
    """
    height, width = features[finest_layer(features, layers)].shape[-2:]
    columns = []
    for name, weight in layers.items():
        values = at_least_float32(features[name])
        y, x = ((2 * index.to(values) + 1) for index in (chosen // width, chosen % width))
        grid = torch.stack([x / width - 1, y / height - 1], dim=-1)[None, None]  # (1, 1, n, 2) in [-1, 1]
        sampled = grid_sample(values, grid)
        columns.append(weight**0.5 * sampled[0, :, 0].T)
    return torch.cat(columns, dim=1)


def sample_finest(
    features: Stats, layers: Mapping[str, float], mask: Stats | None, *, most: int, seed: int
) -> tuple[Tensor, Tensor | None]:
    """Sample positions of the finest layer.

    Returns:
        Their indices, (n), and the mask of that layer, (1, 1, h, w) or None.
    """
    name = finest_layer(features, layers)
    finest, of_layer = features[name], layer_mask(mask, name)
    count = finest.shape[-2] * finest.shape[-1]
    return sample_positions(count, of_layer, most=most, seed=seed).to(finest.device), of_layer


def finest_layer(features: Stats, layers: Mapping[str, float]) -> str:
    """Return the name of the layer with the most positions."""
    return max(layers, key=lambda name: features[name].shape[-2] * features[name].shape[-1])


def cosine_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return `1 - cos(x_i, y_j)`, (n, m) in [0, 2], of the rows of x, (n, C), and of y, (m, C)."""
    distance: Tensor = 1 - F.normalize(x) @ F.normalize(y).T
    return distance


def total_variance(y: Tensor) -> Tensor:
    """Return the sum of the variances of the columns of y, (m, C): the trace of the covariance, 1e-12 or more."""
    return nonzero(y.var(0, correction=0).sum())


def squared_wasserstein_1d(x: Tensor, weights: Tensor, y: Tensor) -> Tensor:
    """Return the squared Wasserstein-2 distance of each column of x from the same column of y.

    In one dimension optimal transport is sorting: `sum_i w_i (x_(i) - q(u_i))^2 / sum_i w_i`. x_(i) is the i-th
    smallest value of the column and w_i its weight, u_i is the fraction of the total weight below the middle of w_i,
    and q is the quantile function of y's column, linear between its sorted values. The distance is exact if x and y
    have the same number of values and all weights are equal.

    Args:
        x: (n, K).
        weights: (n), 0 or more.
        y: (m, K). No gradient flows to it.

    Returns:
        (K).
    """
    ordered, order = x.sort(dim=0)
    w = weights[:, None].expand_as(x).gather(0, order)
    rank = ((cumsum(w) - w / 2) / w.sum(0) * len(y) - 0.5).clamp(0, len(y) - 1)
    below = rank.floor()
    sorted_y = y.detach().sort(dim=0).values
    above = (below + 1).clamp_max(len(y) - 1)
    target = torch.lerp(sorted_y.gather(0, below.long()), sorted_y.gather(0, above.long()), rank - below)
    return (w * (ordered - target).square()).sum(0) / w.sum(0)
