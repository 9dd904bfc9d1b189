"""Mean and deviation of the channels of a map; held, those of another picture, so that windows paint as the whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

EPSILON = 1e-5  # added to the variance

Pair = tuple[Tensor, Tensor]
"""Mean and deviation of the channels of a map; held, those of another picture, so that windows paint as the whole."""


def mean_deviation(x: Tensor) -> Pair:
    """Return the mean and the deviation over the positions of maps (N, C, h, w): two of (N, C, 1, 1).

    `mu = mean_p x_p`, `sigma = sqrt(mean_p (x_p - mu)^2 + 1e-5)`.
    """
    mean = x.mean((2, 3), keepdim=True)
    norm = torch.linalg.vector_norm(x - mean, dim=(2, 3), keepdim=True)  # no map of squares
    return mean, (norm.square() / (x.shape[2] * x.shape[3]) + EPSILON).sqrt()


def renormed(x: Tensor, pair: Pair, mean: Tensor, deviation: Tensor) -> Tensor:
    """Return maps whose channels have another mean and deviation than `pair`, as one line: `x * factor + offset`.

    Args:
        x: (N, C, h, w).
        pair: The mean and the deviation that x has.
        mean: The one to give it, (N, C, 1, 1), or (N, C, h, w) for each position its own.
        deviation: Likewise.
    """
    factor = deviation / pair[1]
    return (x * factor).add_(mean - pair[0] * factor)


class Moments(nn.Module):
    """Mean and deviation of maps: their own, or while they are held, those of the picture that was shown first."""

    def __init__(self) -> None:
        super().__init__()
        self.holding = False
        self.kept: Pair | None = None

    def forward(self, x: Tensor) -> Pair:
        """Return mean and deviation, (N, C, 1, 1) each, for x (N, C, h, w)."""
        if self.kept is not None:
            return self.kept
        pair = mean_deviation(x)
        if self.holding:
            self.kept = pair
        return pair


@contextmanager
def held(network: nn.Module, show: Callable[[], Any]) -> Iterator[None]:
    """Normalise, inside the block, by the moments of what `show` gives to the network.

    An instance norm looks at the whole picture. With its moments taken from one picture, reduced, the network becomes
    a function of a neighbourhood: windows with a halo of its receptive field give what the whole gives.

    Args:
        network: Holds `Moments`, each called once in a pass.
        show: Calls the network once.
    """
    places = [module for module in network.modules() if isinstance(module, Moments)]
    for place in places:
        place.holding = True
    try:
        show()
        yield
    finally:
        for place in places:
            place.holding, place.kept = False, None
