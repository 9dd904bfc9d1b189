"""What every loss is: something additive over positions (`measure`), and a scalar of its sum (`score`)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

Stats = dict[str, Tensor]
"""Layer -> tensor."""


class Term(nn.Module):
    """A weighted loss over named layers.

    The loss of an image is `score(sum over positions of measure, reference)`. Because `measure` is additive, the whole
    image, tiles, ranks and masks are one code path, and all of them are exact.

    Args:
        layers: Layer name -> weight of its share, 0 or more.
        weight: Weight of the term in the total, 0 or more.

    Attributes:
        of: The picture that the reference is taken from, or None for a term of the image alone.
        spatial: Whether the reference is a map (as large as the layer), so that tiles must crop it.
        additive: Whether `measure` is additive over positions.
        margin: Positions that it reads beyond a position's own, on either side: a tile gives as many neighbours.
        grid: Edge of the squares of positions that it takes together: a tile begins at a multiple of it.
        draw: Number of the random draw, which the objective sets at every step: what samples positions seeds with it.
    """

    of: ClassVar[Literal["content", "style"] | None] = None
    spatial: ClassVar[bool] = False
    additive: ClassVar[bool] = True
    margin: int = 0
    grid: int = 1

    def __init__(self, *, layers: Mapping[str, float], weight: float) -> None:
        super().__init__()
        if weight < 0 or any(share < 0 for share in layers.values()):
            raise ValueError(
                f"{type(self).__name__} has weight {weight:g} and layers {dict(layers)}; give weights of 0 or more"
            )
        self.layers = {str(name): float(share) for name, share in layers.items() if share > 0}
        self.weight = float(weight)
        self.draw = 0

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return what is kept of a target picture's features, detached: by default what is measured of them.

        Args:
            features: Layer -> (1, C, h, w).
            mask: Layer -> weights of the positions, (1, 1, h, w) in [0, 1]; None for 1 everywhere.
        """
        return {name: stat.detach() for name, stat in self.measure(features, {}, mask).items()}

    def mix(self, references: Sequence[Stats], shares: Sequence[float]) -> Stats:
        """Return the reference of several pictures at once: by default the average of what is kept of each.

        Args:
            references: One for each picture.
            shares: Their weights, of sum 1.
        """
        pairs = list(zip(references, shares, strict=True))
        return {name: torch.stack([one[name] * share for one, share in pairs]).sum(0) for name in references[0]}

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> something additive over positions."""
        raise NotImplementedError

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> scalar, the layer's weighted share; the loss is the sum of them."""
        raise NotImplementedError


def at(mask: Stats | None, layer: str) -> Tensor | None:
    """Return the mask of a layer, or None where there is no mask."""
    return None if mask is None else mask[layer]


def divisor(layer: str) -> str:
    """Return the name beside a layer's under which a reference keeps what its share is divided by."""
    return f"{layer} divisor"


def wide(x: Tensor) -> Tensor:
    """Return x in float32, or as it is where it is wider already: 16-bit numbers lose sums."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def combine(shares: Stats, layers: Mapping[str, float], how: str) -> Stats:
    """Weight the layers' scalars: `sum`: w_l s_l; `mean`: w_l s_l / (number of layers)."""
    divisor = {"sum": 1, "mean": len(layers)}[how]
    return {name: share * (layers[name] / divisor) for name, share in shares.items()}


def check_choice(option: str, value: str, valid: tuple[str, ...]) -> str:
    """Return `value`, or raise the ValueError that names the valid ones."""
    if value not in valid:
        raise ValueError(f"{option} is {value!r}; give one of {', '.join(valid)}")
    return value
