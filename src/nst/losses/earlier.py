"""The temporal loss of films: squared distance from earlier pictures, moved along the optical flow."""

from collections.abc import Mapping

from nst.losses.base import Stats, Term, at_least_float32, divisor_key, layer_mask


class Earlier(Term):
    """Squared distance of the picture x from an earlier one, w, that was moved along the flow, where that is trusted.

    `(1 / D) sum_p c_p |x_p - w_p|^2`, with the weights c in [0, 1] and the number of values D. With several earlier
    pictures it is the sum over them; without any, as in the first frame of a shot, it is 0.

    Args:
        layers: `image` -> weight.
        weight: Weight of the term.

    Source: Ruder, Dosovitskiy & Brox 2016, equation 7.
    """

    of = "earlier"
    spatial = True

    def __init__(self, *, layers: Mapping[str, float], weight: float) -> None:
        super().__init__(layers=layers, weight=weight)
        if unknown := self.layers.keys() - {"image"}:
            raise ValueError(f"layers names {min(unknown)}, but earlier pictures are compared as such; give image")

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> w, (1, C, h, w), and the number of its values."""
        kept = {name: features[name].detach() for name in self.layers}
        sizes = {divisor_key(name): value.new_tensor(float(value.numel())) for name, value in kept.items()}
        return kept | sizes

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> the weighted sum of squares, a scalar."""
        out = {}
        for name in self.layers:
            squares = at_least_float32(features[name] - reference[name]).square()
            weights = layer_mask(mask, name)
            out[name] = (squares if weights is None else squares * weights).sum()
        return out

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the weighted mean."""
        return {name: weight * total[name] / reference[divisor_key(name)] for name, weight in self.layers.items()}
