"""The space in which a picture is optimised: how an image becomes the parameter, and the parameter an image."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from nst import kernels
from nst.backbones.base import Input
from nst.data import image_io
from nst.utils.errors import check_choice

BANDS = 4  # measured: 3 and 5 need as many steps, 7 more
SMALLEST = 8  # pixels: no band has a smaller edge
EQUAL = (1.0,) * BANDS  # what every run before `method.band_lr` had
SPACES = ("image", "input", "laplacian")


class Parametrization(Protocol):
    """A space in which a picture is optimised."""

    def encode(self, image: Tensor) -> Tensor:
        """Return the parameter for an image, [0, 1] RGB, (1, 3, H, W)."""

    def decode(self, parameter: Tensor) -> Tensor:
        """Return the image of a parameter, (1, 3, H, W); differentiable."""

    def project_(self, parameter: Tensor, low: float, high: float) -> None:
        """Clamp the picture to [low, high] by changing the parameter in place."""


def parametrization(
    space: str, size: tuple[int, int], convention: Input, band_lr: Sequence[float] = EQUAL
) -> Parametrization:
    """Return what `method.space` names.

    Args:
        space: `image`, `input` or `laplacian`.
        size: (height, width) of the picture, pixels.
        convention: The backbone's input convention.
        band_lr: See `LaplacianBands`.
    """
    check_choice("method.space", space, SPACES)
    if space == "input":
        return BackboneInput(convention)
    return LaplacianBands(size, band_lr) if space == "laplacian" else Pixels()


class Pixels:
    """The image itself. `project_` takes bounds in its units, where 0 is black and 1 is white."""

    def encode(self, image: Tensor) -> Tensor:
        """Return the image."""
        return image

    def decode(self, parameter: Tensor) -> Tensor:
        """Return the parameter."""
        return parameter

    def project_(self, parameter: Tensor, low: float, high: float) -> None:
        """Clamp the values."""
        parameter.clamp_(low, high)


class BackboneInput:
    """What the backbone's first layer reads. Its units are those of the learning rate and of `project_`'s bounds.

    Args:
        convention: The backbone's input convention.
    """

    def __init__(self, convention: Input) -> None:
        self.convention = convention

    def encode(self, image: Tensor) -> Tensor:
        """Return the backbone's input, (1, 3, H, W)."""
        out: Tensor = self.convention(image)
        return out

    def decode(self, parameter: Tensor) -> Tensor:
        """Return the image of a backbone's input."""
        return self.convention.inverse(parameter)

    def project_(self, parameter: Tensor, low: float, high: float) -> None:
        """Clamp the values."""
        parameter.clamp_(low, high)


class LaplacianBands:
    """The bands of a Laplacian pyramid, as one vector of n values for each channel: (1, 3, n), fine to coarse.

    The gradient of a pixel says little about the wide shapes that it is part of; a value of a coarse band has the
    gradient of all the pixels below it. Measured with SqueezeNet's trained features at 256 px: after 50 evaluations
    L-BFGS reaches the loss that takes 150 on pixels. With random VGG-19 there was no such gain.

    The sum of the bands is clamped to [0, 1], and `project_` takes bounds in the units of the image. Every band is kept
    divided by its learning rate's factor, so that an optimiser whose steps don't depend on the size of a gradient, as
    Adam's, moves it by so much.

    Args:
        size: (height, width), pixels.
        band_lr: Factors of the learning rate, fine to coarse, over 0, one for each of the `BANDS`; where a picture is
            too small for all, the first ones. Small factors of coarse bands keep the photograph's light and dark in
            place, for a style is as well met by the opposite.

    Source: Burt & Adelson 1983; Kolkin, Salavon & Shakhnarovich 2019 (a picture optimised so).

    Differs: reduced by averaging areas and enlarged by linear interpolation, so odd sizes are exact too.
    """

    def __init__(self, size: tuple[int, int], band_lr: Sequence[float] = EQUAL) -> None:
        self.sizes = [size]
        while len(self.sizes) < BANDS and min(self.sizes[-1]) >= 2 * SMALLEST:
            height, width = self.sizes[-1]
            self.sizes.append((-(-height // 2), -(-width // 2)))
        self.factors = list(band_lr)[: len(self.sizes)]

    def encode(self, image: Tensor) -> Tensor:
        """Return the bands of an image, (1, 3, n)."""
        bands = []
        for size in self.sizes[1:]:
            coarse = image_io.area(image, size)
            height, width = image.shape[-2:]
            enlarged = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
            bands.append((image - enlarged).flatten(2))
            image = coarse
        scaled = zip([*bands, image.flatten(2)], self.factors, strict=True)
        return torch.cat([band if factor == 1 else band / factor for band, factor in scaled], dim=2)

    def sum(self, parameter: Tensor) -> Tensor:
        """Return the sum of the bands, each enlarged to the picture's size: (1, 3, H, W)."""
        return kernels.laplacian_join(parameter, self.sizes, self.factors)

    def decode(self, parameter: Tensor) -> Tensor:
        """Return the sum of the bands, clamped to [0, 1]."""
        return clamp_with_grad(self.sum(parameter))

    def project_(self, parameter: Tensor, low: float, high: float) -> None:
        """Change the finest band where the image lies outside the bounds."""
        if low <= 0 and high >= 1:
            return
        unbounded = self.sum(parameter)
        image = unbounded.clamp(0, 1)
        inside = image.clamp(low, high)
        move = (inside - unbounded).masked_fill_(inside == image, 0).div_(self.factors[0])
        parameter[..., : move[0, 0].numel()] += move.flatten(2)


def clamp_with_grad(image: Tensor) -> Tensor:
    """Clamp to [0, 1], with a gradient that is 0 only where it would push a value outside further away.

    The gradient of `torch.clamp` is 0 for every value outside, so such values would never come back.
    """
    if not (image.requires_grad and torch.is_grad_enabled()):
        return image.clamp(0, 1)
    clamped: Tensor = _ClampWithGrad.apply(image)
    return clamped


class _ClampWithGrad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        clamped = image.clamp(0, 1)
        ctx.save_for_backward(image - clamped)
        return clamped

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (outside,) = ctx.saved_tensors
        return gradient.masked_fill(outside * gradient < 0, 0)
