"""Initial images: what the optimisation starts from. Each gives an image in [0, 1] RGB, (1, 3, H, W), unless noted."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nst.backbones.base import Input
from nst.data import image_io


@dataclass(frozen=True)
class Scene:
    """What an initial image may be made from.

    Attributes:
        content: The content at the first level's size, (1, 3, H, W), [0, 1].
        style: The first style picture at any size, likewise.
        input: The backbone's input convention.
        generator: Source of randomness.
    """

    content: Tensor
    style: Tensor
    input: Input
    generator: torch.Generator


Start = Callable[[Scene], Tensor]


def content(scene: Scene) -> Tensor:
    """Start from the content."""
    return scene.content.clone()


def style(scene: Scene) -> Tensor:
    """Start from the style picture, stretched to the content's size."""
    return image_io.resize(scene.style, image_io.size_of(scene.content))


def lines(scene: Scene) -> Tensor:
    """Start from the content's fine lines on the style's mean colour: what halving its size takes away.

    Source: Kolkin, Salavon & Shakhnarovich 2019 (STROTSS), section 2.5.
    """
    size = image_io.size_of(scene.content)
    coarse = image_io.resize(scene.content, (max(1, size[0] // 2), max(1, size[1] // 2)))
    mean = scene.style.mean((-2, -1), keepdim=True)
    return (scene.content - image_io.resize(coarse, size) + mean).clamp(0, 1)


def noise(scene: Scene, *, distribution: str, mean: float, spread: float, space: str) -> Tensor:
    """Start from independent values for every pixel and channel.

    Args:
        scene: What to start from.
        distribution: `uniform` over mean +- spread, `normal` with standard deviation `spread`, or `gray`: mean alone.
        mean: Centre, in units of `space`.
        spread: Half the width or the standard deviation, in units of `space`.
        space: `image` ([0, 1] RGB) or `input` (the backbone's own convention, where 0 is its mean colour).
    """
    size = scene.content.shape
    if distribution == "uniform":
        values = mean + spread * (2 * torch.rand(size, generator=scene.generator) - 1)
    elif distribution == "normal":
        values = mean + spread * torch.randn(size, generator=scene.generator)
    elif distribution == "gray":
        values = torch.full(size, mean)
    else:
        raise ValueError(f"init.distribution is {distribution!r}; give uniform, normal or gray")
    if space == "input":
        return scene.input.inverse(values)
    if space != "image":
        raise ValueError(f"init.space is {space!r}; give image or input")
    return values.clamp(0, 1)


def file(scene: Scene, *, path: str) -> Tensor:
    """Start from a picture file, stretched to the content's size.

    Args:
        scene: What to start from.
        path: The file.
    """
    return image_io.resize(image_io.load(Path(path).expanduser()).rgb, image_io.size_of(scene.content))


def blend(scene: Scene, *, noise: Start, amount: float) -> Tensor:
    """Start from (1 - amount) of the content and `amount` of noise.

    Args:
        scene: What to start from.
        noise: Gives the noise.
        amount: In [0, 1].
    """
    if not 0 <= amount <= 1:
        raise ValueError(f"init.amount is {amount:g}; give a share from 0 (all content) to 1 (all noise)")
    return torch.lerp(scene.content, noise(scene), amount)
