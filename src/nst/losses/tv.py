"""Total variation of the image itself, in the forms in use in the field."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.losses.base import Stats, Term, at_least_float32, layer_mask
from nst.utils.errors import check_choice


class TotalVariation(Term):
    """Sum of the differences of neighbouring pixels, over the layers `image` ([0, 1]) or `input` (normalised).

    dx and dy are the differences to the right and to the lower neighbour. The loss depends on `form`:

    * `absolute_sum`: sum |dx| + |dy| (neural-style-pt, lassebaerlandstrand, equation 4 of Sohini1911).
    * `squared_sum`: sum dx^2 + dy^2 (the CS231n course).
    * `squared_mean_9`: 2 (sum (dx^2 + dy^2) / 3 + sum (de^2 + df^2) / 12) / N, with the differences de and df to the
      two lower diagonal neighbours and N values in the image (crowsonkb's nine-point stencil).

    Args:
        layers: `image` or `input` -> weight.
        weight: Weight of the term.
        form: See above.
    """

    margin = 1

    def __init__(self, *, layers: Mapping[str, float], weight: float, form: str) -> None:
        super().__init__(layers=layers, weight=weight)
        self.form = check_choice("form", form, ("absolute_sum", "squared_sum", "squared_mean_9"))
        if unknown := self.layers.keys() - {"image", "input"}:
            raise ValueError(f"layers names {min(unknown)}, but total variation is of the pixels; give image or input")

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> the sum and the number of values N, (2)."""
        return {name: self._sum(features[name], layer_mask(mask, name)) for name in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted total variation."""
        return {name: weight * self._reduce(total[name]) for name, weight in self.layers.items()}

    def _sum(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = at_least_float32(x)
        w = torch.ones_like(x[:1, :1]) if mask is None else mask.to(x)
        right = (x[..., 1:] - x[..., :-1], w[..., :-1])
        below = (x[..., 1:, :] - x[..., :-1, :], w[..., :-1, :])
        if self.form == "absolute_sum":
            total = sum((d.abs() * m).sum() for d, m in (right, below))
        elif self.form == "squared_sum":
            total = sum((d.square() * m).sum() for d, m in (right, below))
        else:
            falling = (x[..., 1:, 1:] - x[..., :-1, :-1], w[..., :-1, :-1])
            rising = (x[..., 1:, :-1] - x[..., :-1, 1:], w[..., :-1, 1:])
            stencil = ((right, 2 / 3), (below, 2 / 3), (falling, 1 / 6), (rising, 1 / 6))
            total = sum(k * (d.square() * m).sum() for (d, m), k in stencil)
        return torch.stack([torch.as_tensor(total), w.sum() * x.shape[1]])

    def _reduce(self, total: Tensor) -> Tensor:
        return total[0] / total[1] if self.form == "squared_mean_9" else total[0]
