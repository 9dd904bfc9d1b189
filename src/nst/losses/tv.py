"""Total variation of the picture itself, in the forms that the field's programs use."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nst.losses.base import Stats, Term, at, check_choice, wide


class TotalVariation(Term):
    """Sum of the differences of neighbours, over the layers `image` ([0, 1]) or `input` (as the network sees it).

    By `form`, with dx and dy the differences to the right and lower neighbour:

    * `absolute_sum`: sum |dx| + |dy| (neural-style-pt; lassebaerlandstrand; Sohini1911's Eq. 4).
    * `squared_sum`: sum dx^2 + dy^2 (the CS231n course).
    * `squared_mean_9`: 2 (sum (dx^2 + dy^2) / 3 + sum (both diagonals' differences)^2 / 12) / (number of values):
      crowsonkb's nine-point stencil.

    Args:
        layers: `image` or `input` -> weight.
        weight: Weight of the term.
        form: As above.
    """

    margin = 1

    def __init__(self, *, layers: Mapping[str, float], weight: float, form: str) -> None:
        super().__init__(layers=layers, weight=weight)
        forms = ("absolute_sum", "squared_sum", "squared_mean_9")
        self.form = check_choice("loss.tv.form", form, forms)
        if not set(self.layers) <= {"image", "input"}:
            raise ValueError(f"total variation is of the layers {list(self.layers)}; give image or input")

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> the sum, and the count of elements, (2)."""
        return {name: self._sum(features[name], at(mask, name)) for name in self.layers}

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted total variation."""
        return {name: share * self._reduce(total[name]) for name, share in self.layers.items()}

    def _sum(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = wide(x)
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
