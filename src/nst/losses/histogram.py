"""Histogram loss: every channel's values are to have the style's histogram."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from nst.losses.base import Stats, Term, at, check_choice, combine
from nst.losses.sampling import check_count, mixed, rows
from nst.losses.transport import along_lines, spread


class Histogram(Term):
    """Squared distance of the features, F, from themselves with the style's histogram in every channel, R(F).

    Per layer, by `reduction`: `relative`: sum over channels of mean_p (F - R(F))^2 / tr Cov(S), ours; `mean`: the mean
    over positions and channels; `sum`: over channels and the mean over positions.

    It is meant beside the Gram loss: it holds contrast steady where Gram lets mean and variance trade.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: As above.
        layer_reduction: `sum` or `mean` over the layers.
        positions: Positions compared at most, drawn anew at every step; of the style, drawn once.

    Source: Risser, Wilmot & Barnes 2017 (Stable and Controllable Neural Texture Synthesis and Style Transfer Using
    Histogram Losses), section 4.1.

    Differs: values are matched by rank, exactly, where they use histograms of 256 bins; no gradient flows through R.
    """

    of = "style"
    additive = False

    def __init__(
        self, *, layers: Mapping[str, float], weight: float, reduction: str, layer_reduction: str, positions: int
    ) -> None:
        super().__init__(layers=layers, weight=weight)
        self.reduction = check_choice("loss.histogram.reduction", reduction, ("relative", "mean", "sum"))
        self.layer_reduction = check_choice("loss.histogram.layer_reduction", layer_reduction, ("sum", "mean"))
        self.positions = check_count("loss.histogram.positions", positions)

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
        distance = along_lines(total[:, :-1], total[:, -1:], style.to(total)).sum()
        if self.reduction == "relative":
            return distance / spread(style)
        return distance / {"mean": style.shape[1], "sum": 1}[self.reduction]
