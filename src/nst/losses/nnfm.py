"""Nearest-neighbour feature matching: every feature is to look like some feature of the style."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from nst.losses.base import Stats, Term, at, check_choice, combine
from nst.losses.sampling import check_count, cosine_distance, mixed, rows


class NearestFeatures(Term):
    """Mean over positions of the cosine distance to the nearest feature of the style.

    `1/n sum_p min_q (1 - cos(f_p, s_q))`, in [0, 2]. How often the style has a feature does not matter, so small
    details come out sharp and the style's proportions may be lost.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        layer_reduction: `sum` or `mean` over the layers.
        positions: Positions of the image compared at most, drawn anew at every step.
        candidates: Positions of the style compared at most, drawn once.

    Source: Zhang et al. 2022 (ARF: Artistic Radiance Fields), equation 1; Kolkin et al. 2022 (Neural Neighbor).
    """

    of = "style"
    additive = False

    def __init__(
        self, *, layers: Mapping[str, float], weight: float, layer_reduction: str, positions: int, candidates: int
    ) -> None:
        super().__init__(layers=layers, weight=weight)
        self.layer_reduction = check_choice("loss.style.layer_reduction", layer_reduction, ("sum", "mean"))
        self.positions = check_count("loss.style.positions", positions)
        self.candidates = check_count("loss.style.candidates", candidates)

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> some of the style's features, (m, C)."""
        kept = {k: rows(features[k], at(mask, k), most=self.candidates, draw=0) for k in self.layers}
        return {name: value[:, :-1].detach() for name, value in kept.items()}

    def mix(self, references: Sequence[Stats], shares: Sequence[float]) -> Stats:
        """Return features of all pictures, as many of each as its share says."""
        return mixed(references, shares)

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> some of the features and their weights, (n, C + 1)."""
        return {k: rows(features[k], at(mask, k), most=self.positions, draw=self.draw) for k in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted distance."""
        shares = {name: _distance(total[name], reference[name]) for name in self.layers}
        return combine(shares, self.layers, self.layer_reduction)


def _distance(total: Tensor, style: Tensor) -> Tensor:
    nearest = cosine_distance(total[:, :-1], style.to(total)).amin(1)
    w = total[:, -1]
    return (w * nearest).sum() / w.sum()
