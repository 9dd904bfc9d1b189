"""CNNMRF: every patch of the features is to be like the patch of the style that it resembles most."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.losses.base import Stats, Term, at, check_choice, combine
from nst.losses.sampling import check_count, mixed, pick, weights


class MarkovPatches(Term):
    """Squared distance of the patches of the image, x_p, from their matches among the style's, y_q.

    `1/n sum_p ||x_p - y_NN(p)||^2` with `NN(p) = argmax_q <x_p, y_q> / (|x_p| |y_q|)`. Per layer, by `reduction`:
    `relative`: divided by the style patches' mean squared distance from their mean, ours; `mean`: by the values of a
    patch; `sum`: by 1.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: As above.
        layer_reduction: `sum` or `mean` over the layers.
        patch: Edge of a patch, features.
        positions: Patches of the image compared at most, drawn anew at every step.
        candidates: Patches of the style compared at most, drawn once.

    Source: Li & Wand 2016 (Combining Markov Random Fields and Convolutional Neural Networks for Image Synthesis),
    equations 2 and 3.

    Differs: the style is not rotated and scaled to have more patches; patches are drawn, not all.
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
        patch: int,
        positions: int,
        candidates: int,
    ) -> None:
        super().__init__(layers=layers, weight=weight)
        self.reduction = check_choice("loss.style.reduction", reduction, ("relative", "mean", "sum"))
        self.layer_reduction = check_choice("loss.style.layer_reduction", layer_reduction, ("sum", "mean"))
        self.patch = check_count("loss.style.patch", patch)
        self.positions = check_count("loss.style.positions", positions)
        self.candidates = check_count("loss.style.candidates", candidates)

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> some of the style's patches, (m, C patch^2)."""
        kept = {k: self._patches(k, features[k], at(mask, k), self.candidates, 0) for k in self.layers}
        return {name: value[:, :-1].detach() for name, value in kept.items()}

    def mix(self, references: Sequence[Stats], shares: Sequence[float]) -> Stats:
        """Return patches of all pictures, as many of each as its share says."""
        return mixed(references, shares)

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> some of the patches and the weights of their middles, (n, C patch^2 + 1)."""
        return {k: self._patches(k, features[k], at(mask, k), self.positions, self.draw) for k in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted distance."""
        shares = {name: self._distance(total[name], reference[name]) for name in self.layers}
        return combine(shares, self.layers, self.layer_reduction)

    def _patches(self, layer: str, features: Tensor, mask: Tensor | None, most: int, draw: int) -> Tensor:
        f, edge = features[0], self.patch
        height, width = f.shape[-2] - edge + 1, f.shape[-1] - edge + 1
        if min(height, width) < 1:
            raise ValueError(
                f"layer {layer} has {f.shape[-1]} x {f.shape[-2]} features, fewer than loss.style.patch={edge}; give a "
                f"larger size=, fewer pyramid.levels= or shallower layers"
            )
        middle = slice(edge // 2, edge // 2 + height), slice(edge // 2, edge // 2 + width)
        inner = None if mask is None else mask[0, 0][middle]
        chosen = pick(height * width, inner, most=most, draw=draw).to(f.device)
        step = torch.arange(edge, device=f.device)
        rows = (chosen // width)[:, None, None] + step[:, None]  # (n, edge, 1)
        columns = (chosen % width)[:, None, None] + step  # (n, 1, edge)
        values = f[:, rows, columns].movedim(0, 1).flatten(1)  # (n, C edge^2)
        values = values.to(torch.promote_types(values.dtype, torch.float32))
        return torch.cat([values, weights(inner, chosen, values)], dim=1)

    def _distance(self, total: Tensor, style: Tensor) -> Tensor:
        x, w, y = total[:, :-1], total[:, -1], style.to(total)
        with torch.no_grad():
            nearest = (x @ F.normalize(y).T).argmax(1)  # |x_p| does not change which is the largest
        distance = (w * (x - y[nearest]).square().sum(1)).sum() / w.sum()
        if self.reduction == "relative":
            return distance / y.var(0, correction=0).sum().clamp_min(1e-12)
        return distance / {"mean": y.shape[1], "sum": 1}[self.reduction]
