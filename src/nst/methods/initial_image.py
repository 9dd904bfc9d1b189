"""Initial images, from which the optimisation starts: each function returns one in [0, 1] RGB, (1, 3, H, W)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nst.backbones.base import Input
from nst.data import image_io
from nst.data.resampling import Resampling
from nst.networks import Adain, AnyStyle, io, visible_moments
from nst.utils.files import user_path


@dataclass(frozen=True)
class InitInputs:
    """What an initial image may be made from.

    Attributes:
        content: The content at the size of the first level, (1, 3, H, W), [0, 1].
        style: The first style at its own size, likewise.
        input: The backbone's input convention.
        generator: Source of randomness.
        style_alpha: The style's opacity, (1, 1, H, W); None for opaque.
        resampling: How pictures are resized.
        style_name: The first style's name.
        content_alpha: The content's opacity, likewise.
    """

    content: Tensor
    style: Tensor
    input: Input
    generator: torch.Generator
    style_alpha: Tensor | None = None
    resampling: Resampling = field(default_factory=Resampling)
    style_name: str = ""
    content_alpha: Tensor | None = None


Initial = Callable[[InitInputs], Tensor]


def content(inputs: InitInputs) -> Tensor:
    """Return the content."""
    return inputs.content.clone()


def style(inputs: InitInputs) -> Tensor:
    """Return the style, stretched to the content's size."""
    return inputs.resampling.resize(inputs.style, image_io.size_of(inputs.content))


def lines(inputs: InitInputs) -> Tensor:
    """Return the fine lines of the content, which are lost when it is halved and enlarged, on the style's mean colour.

    Source: Kolkin, Salavon & Shakhnarovich 2019 (STROTSS), section 2.5.
    """
    size = image_io.size_of(inputs.content)
    coarse = inputs.resampling.resize(inputs.content, (max(1, size[0] // 2), max(1, size[1] // 2)))
    mean = inputs.style.mean((-2, -1), keepdim=True)
    if (alpha := inputs.style_alpha) is not None:
        mean = (inputs.style * alpha).sum((-2, -1), keepdim=True) / alpha.sum()
    return (inputs.content - inputs.resampling.resize(coarse, size) + mean).clamp(0, 1)


def noise(inputs: InitInputs, *, distribution: str, mean: float, spread: float, space: str) -> Tensor:
    """Return independent values for every pixel and channel.

    Args:
        inputs: Of which the content gives the size.
        distribution: `uniform` over mean +- spread, `normal` with standard deviation `spread`, or `gray`: the mean
            everywhere.
        mean: In units of `space`.
        spread: Half the width or the standard deviation, in units of `space`.
        space: `image` ([0, 1] RGB; values outside are clamped) or `input` (the backbone's own convention, where 0 is
            its mean colour; nothing is clamped).
    """
    size = inputs.content.shape
    if distribution == "uniform":
        values = mean + spread * (2 * torch.rand(size, generator=inputs.generator) - 1)
    elif distribution == "normal":
        values = mean + spread * torch.randn(size, generator=inputs.generator)
    elif distribution == "gray":
        values = torch.full(size, mean)
    else:
        raise ValueError(f"init.distribution is {distribution!r}; give uniform, normal or gray")
    if space == "input":
        return inputs.input.inverse(values)
    if space != "image":
        raise ValueError(f"init.space is {space!r}; give image or input")
    return values.clamp(0, 1)


def file(inputs: InitInputs, *, path: str) -> Tensor:
    """Return a picture file, stretched to the content's size.

    Args:
        inputs: Of which the content gives the size.
        path: The file.
    """
    picture = image_io.load(user_path(path)).rgb
    return inputs.resampling.resize(picture, image_io.size_of(inputs.content))


def blend(inputs: InitInputs, *, noise: Initial, amount: float) -> Tensor:
    """Return (1 - amount) of the content and `amount` of noise.

    Args:
        inputs: The content, and what the noise is made from.
        noise: Gives the noise.
        amount: In [0, 1].
    """
    if not 0 <= amount <= 1:
        raise ValueError(f"init.amount is {amount:g}; give a share from 0 (all content) to 1 (all noise)")
    return torch.lerp(inputs.content, noise(inputs), amount)


@torch.no_grad()
def network(inputs: InitInputs, *, path: str | None) -> Tensor:
    """Return what a trained network makes of the content in the first style.

    Args:
        inputs: Of which the content is painted, and the style's name is looked up, or its picture shown.
        path: The network's file; None: those that come with nst, of nine styles and of any.

    Raises:
        ValueError: The network does not know the style, or the file is damaged.
    """
    trained = io.load(user_path(path) if path else io.bundled("multistyle"))
    if path is None and inputs.style_name not in trained.styles:
        trained = io.load(io.bundled("any_style"))
    if inputs.style_name in trained.styles:
        code = trained.known_style(inputs.style_name)
    elif isinstance(trained.network, Adain | AnyStyle):
        code = trained.network.encode_reduced(inputs.style, inputs.style_alpha, trained.style_size)
    else:
        raise ValueError(
            f"init=network does not know the style {inputs.style_name}; the network has {', '.join(trained.styles)}; "
            f"take another init=, or give init.path= a network of your own"
        )
    stride = trained.network.stride
    height, width = image_io.size_of(inputs.content)
    size = (max(2, round(height / stride)) * stride, max(2, round(width / stride)) * stride)
    look: Any = trained.network.condition(code[None], torch.ones(1, 1, 1, 1), 1.0)
    with visible_moments(trained.network, inputs.content_alpha):
        picture = trained.network(image_io.resize(inputs.content, size), look)
    return image_io.resize(picture, (height, width))
