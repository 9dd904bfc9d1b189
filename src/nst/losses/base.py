"""The base class of all losses: a sum over positions (`measure`), and a scalar made of that sum (`score`)."""

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

Stats = dict[str, Tensor]
"""Layer -> tensor."""

LAYER_REDUCTIONS = ("sum", "mean")
"""How a loss combines its layers; see `combine`."""


class Term(nn.Module):
    """A weighted loss over named layers.

    The loss of an image is `sum over layers of score(sum over positions of measure, reference)`. Because `measure` is
    additive over positions, a whole image, tiles, several processes and masks share one code path and give the same
    value.

    Args:
        layers: Layer name -> weight of the layer's loss, 0 or more. Layers of weight 0 are left out.
        weight: Weight of the term in the total loss, 0 or more.

    Attributes:
        of: The picture that the reference is taken from, or None for a term that needs the image alone.
        spatial: Whether the reference is a map with the layer's height and width, which tiles must crop.
        static: Whether every step is the same computation: nothing is drawn anew, and nothing waits for the host.
        additive: Whether `measure` is additive over positions. If not, the image cannot be tiled.
        margin: How many neighbouring positions on each side `measure` reads. Tiles overlap by as many.
        grid: Edge of the square blocks of positions that `measure` takes together. Tiles start at multiples of it.
        sampling_step: Seed of the random sampling of positions. The objective sets it to the number of the step.

    Raises:
        ValueError: A weight is negative. Like every error of a loss's constructor, its message starts with the name of
            the argument, so that `config.instantiate` can put the loss's name in front of it.
    """

    of: ClassVar[Literal["content", "style", "earlier"] | None] = None
    spatial: ClassVar[bool] = False
    static: ClassVar[bool] = True
    additive: ClassVar[bool] = True
    margin: int = 0
    grid: int = 1

    def __init__(self, *, layers: Mapping[str, float], weight: float) -> None:
        super().__init__()
        for option, value in {"weight": weight, **{f"layers.{name}": w for name, w in layers.items()}}.items():
            if value < 0:
                raise ValueError(f"{option} is {value:g}; give 0 or more")
        self.layers = {str(name): float(layer_weight) for name, layer_weight in layers.items() if layer_weight > 0}
        self.weight = float(weight)
        self.sampling_step = 0

    def without(self, layers: Collection[str]) -> Self:
        """Return the term without some of its layers."""
        twin = copy.copy(self)
        twin.layers = {name: weight for name, weight in self.layers.items() if name not in layers}
        return twin

    def reference(self, features: Stats, mask: Stats | None = None) -> Stats:
        """Return what the loss keeps of a target picture, detached. By default it is what `measure` returns.

        Args:
            features: Layer -> the target picture's features, (1, C, h, w).
            mask: Layer -> weights of the positions, (1, 1, h, w) in [0, 1]; None for 1 everywhere.
        """
        return {name: stat.detach() for name, stat in self.measure(features, {}, mask).items()}

    def mix(self, references: Sequence[Stats], weights: Sequence[float]) -> Stats:
        """Return one reference for several pictures. By default it is the weighted average of theirs.

        Args:
            references: One for each picture.
            weights: One for each picture; they sum to 1.
        """
        pairs = list(zip(references, weights, strict=True))
        return {name: torch.stack([one[name] * weight for one, weight in pairs]).sum(0) for name in references[0]}

    def prepare(self, reference: Stats) -> Stats:
        """Return a reference, mixed if it is to be, with what `score` would otherwise compute from it at every step."""
        return reference

    def measure(self, features: Stats, reference: Stats, mask: Stats | None = None) -> Stats:
        """Return layer -> a statistic of the image's features; its shape does not depend on the image's size.

        Args:
            features: Layer -> (1, C, h, w), of the whole image or of a tile.
            reference: What `reference` returned, cropped to the tile where `spatial` is True.
            mask: Layer -> weights of the positions, (1, 1, h, w) in [0, 1]; None for 1 everywhere.
        """
        raise NotImplementedError

    def score(self, total: Stats, reference: Stats) -> Stats:
        """Return layer -> the layer's weighted loss, a scalar. The unweighted term is their sum.

        Args:
            total: Layer -> the sum over tiles and processes of what `measure` returned.
            reference: What `reference` or `mix` returned.
        """
        raise NotImplementedError


def layer_mask(mask: Stats | None, layer: str) -> Tensor | None:
    """Return the mask of a layer, or None without a mask."""
    return None if mask is None else mask[layer]


def divisor_key(layer: str) -> str:
    """Return the key of a reference under which a loss keeps what it divides this layer's loss by."""
    return f"{layer} divisor"


def at_least_float32(x: Tensor) -> Tensor:
    """Return x in float32, or unchanged if it is wider: sums in 16 bits lose precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def nonzero(value: Tensor, least: float = 1e-12) -> Tensor:
    """Return `max(value, least)`, a divisor: a flat reference then gives a large loss, but no infinity or NaN."""
    return value.clamp_min(least)


def root(value: Tensor) -> Tensor:
    """Return the square root of a distance of 0 or more, with a finite gradient at 0."""
    return (value + 1e-6).sqrt() - 1e-3


def combine(layer_losses: Stats, layers: Mapping[str, float], layer_reduction: str) -> Stats:
    """Return layer -> weighted loss: `w_l L_l` for `sum`, or `w_l L_l / n` for `mean`, with n layers.

    Args:
        layer_losses: Layer -> loss L_l, a scalar.
        layers: Layer -> weight w_l.
        layer_reduction: `sum` or `mean`.
    """
    factors = layer_factors(layers, layer_reduction)
    return {name: loss if factors[name] == 1 else loss * factors[name] for name, loss in layer_losses.items()}


def layer_factors(layers: Mapping[str, float], layer_reduction: str) -> dict[str, float]:
    """Return layer -> the factor by which `combine` multiplies its loss."""
    divisor = {"sum": 1, "mean": len(layers)}[layer_reduction]
    return {name: weight / divisor for name, weight in layers.items()}


def check_count(option: str, count: int) -> int:
    """Return `count`, or raise a ValueError that names the option if it is less than 1."""
    if count < 1:
        raise ValueError(f"{option} is {count}; give 1 or more")
    return count
