"""The mean and deviation of feature maps, which instance norms divide out: how to fix and to weight them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nst.data import image_io

EPSILON = 1e-5  # added to the variance

MeanDeviation = tuple[Tensor, Tensor]
"""Mean and standard deviation of each channel of feature maps."""


def mean_deviation(x: Tensor, weights: Tensor | None = None) -> MeanDeviation:
    """Return the mean and the deviation over the positions p of maps (N, C, h, w), each (N, C, 1, 1).

    `mu = mean_p x_p`, `sigma = sqrt(mean_p (x_p - mu)^2 + 1e-5)`.

    Args:
        x: The maps.
        weights: Of the positions, (N, 1, h, w); None for 1 everywhere.
    """
    if weights is not None:
        share = weights / weights.sum((2, 3), keepdim=True)
        centre = (x * share).sum((2, 3), keepdim=True)
        return centre, (((x - centre).square() * share).sum((2, 3), keepdim=True) + EPSILON).sqrt()
    mean = x.mean((2, 3), keepdim=True)
    norm = torch.linalg.vector_norm(x - mean, dim=(2, 3), keepdim=True)  # saves the memory of the squares
    return mean, (norm.square() / (x.shape[2] * x.shape[3]) + EPSILON).sqrt()


def renormalise(x: Tensor, measured: MeanDeviation, mean: Tensor, deviation: Tensor) -> Tensor:
    """Return maps with a new mean and deviation, computed as `x * factor + offset`.

    Args:
        x: (N, C, h, w).
        measured: The mean and deviation of x.
        mean: The new mean, (N, C, 1, 1), or (N, C, h, w) if it differs from position to position.
        deviation: The new deviation, likewise.
    """
    factor = deviation / measured[1]
    return (x * factor).add_(mean - measured[0] * factor)


class Moments(nn.Module):
    """Returns the mean and deviation of its input; inside `fixed_moments` and `held_moments` those of earlier inputs.

    Attributes:
        measured: Of the last input that was measured in evaluation.
        held: What is returned instead; None: nothing is held.
        opacity: Of the image, (1, 1, H, W): what is transparent has no say; None: all is opaque.
    """

    def __init__(self) -> None:
        super().__init__()
        self.recording = False
        self.recorded: MeanDeviation | None = None
        self.measured: MeanDeviation | None = None
        self.held: MeanDeviation | None = None
        self.opacity: Tensor | None = None

    def forward(self, x: Tensor) -> MeanDeviation:
        """Return mean and deviation, (N, C, 1, 1) each, for x (N, C, h, w)."""
        if self.held is not None:
            return self.held
        if self.recorded is not None:
            return self.recorded
        opacity = self.opacity
        measured = mean_deviation(x, None if opacity is None else image_io.area(opacity, image_io.size_of(x)))
        if not self.training:
            self.measured = measured
        if self.recording:
            self.recorded = measured
        return measured


@contextmanager
def fixed_moments(network: nn.Module, run: Callable[[], Any]) -> Iterator[None]:
    """Fix every mean and deviation of a network to those of one forward pass for the time of the block.

    An instance norm depends on the whole picture, so a picture cut into windows would change from window to window.
    With fixed moments the network has a finite receptive field: a window with a halo of that size gives the same
    values as the whole picture.

    Args:
        network: Contains `Moments`, each called once in a forward pass.
        run: Does the forward pass.
    """
    moments = _of(network)
    for module in moments:
        module.recording = True
    try:
        run()
        yield
    finally:
        for module in moments:
            module.recording, module.recorded = False, None


@contextmanager
def visible_moments(network: nn.Module, opacity: Tensor | None) -> Iterator[None]:
    """Measure the moments of a network where an image is visible, for the time of the block.

    Args:
        network: Contains `Moments`.
        opacity: Of the image, (1, 1, H, W) in [0, 1], visible somewhere; None: all is opaque.
    """
    modules = _of(network)
    for module in modules:
        module.opacity = opacity
    try:
        yield
    finally:
        for module in modules:
            module.opacity = None


def mean_moments(network: nn.Module) -> list[MeanDeviation]:
    """Return the moments that a network has measured last, each (1, C, 1, 1): the means over its batch."""
    found = [module.measured for module in _of(network)]
    return [(mean.mean(0, keepdim=True), deviation.mean(0, keepdim=True)) for mean, deviation in filter(None, found)]


@contextmanager
def held_moments(network: nn.Module, moments: Sequence[MeanDeviation]) -> Iterator[None]:
    """Hold the moments of a network for the time of the block, so that what one image holds changes no other.

    Args:
        network: Contains `Moments`.
        moments: One for each of them, from `mean_moments`.
    """
    modules = _of(network)
    try:
        for module, one in zip(modules, moments, strict=True):
            module.held = one
        yield
    finally:
        for module in modules:
            module.held = None


def _of(network: nn.Module) -> list[Moments]:
    return [module for module in network.modules() if isinstance(module, Moments)]
