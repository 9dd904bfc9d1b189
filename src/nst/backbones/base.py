"""What every backbone is: a frozen network from an image to named feature maps, with its input convention inside."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Input(nn.Module):
    """The input convention of a network: `x = (range * image[order] - mean) / std`, and back.

    Args:
        range: The value of white before mean and std: 1 or 255.
        order: Channel order of the network, `RGB` or `BGR`.
        mean: Three means, in the network's order and range.
        std: Three standard deviations, likewise.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, *, range: float = 1.0, order: str = "RGB", mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if range not in (1, 255):
            raise ValueError(f"backbone.input.range is {range!r}; give 1 or 255")
        if order not in ("RGB", "BGR"):
            raise ValueError(f"backbone.input.order is {order!r}; give RGB or BGR")
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(f"backbone.input has mean {mean} and std {std}; give three numbers each, std over 0")
        self.range = float(range)
        self.flip = order == "BGR"
        for name, values in (("mean", mean), ("std", std)):  # as floats, which follow the precision of the run
            self.register_buffer(
                name, torch.tensor([float(value) for value in values]).view(1, 3, 1, 1), persistent=False
            )

    def forward(self, image: Tensor) -> Tensor:
        """Turn an image, [0, 1] RGB, (N, 3, H, W), into what the network takes."""
        image = image.flip(1) if self.flip else image
        return ((image if self.range == 1 else image * self.range) - self.mean) / self.std

    def inverse(self, x: Tensor) -> Tensor:
        """Turn the network's input (N, 3, H, W) back into an image."""
        image = (x * self.std + self.mean) / self.range
        return image.flip(1) if self.flip else image


class Backbone(nn.Module):
    """A frozen network that gives the named layers it was built for.

    Attributes:
        input: The network's input convention.
        layers: The names it gives.
        smallest: The shorter edge that its deepest layer in use needs, pixels.
        source: Where its parameters come from, for the record.
        comparable: Its layers answer the same contrast with the same energy a position, whatever its scale, so that
            `Content` may measure one by the others.
    """

    comparable: bool = False
    input: Input
    layers: tuple[str, ...]
    smallest: int
    source: dict[str, str | None]

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """Return layer -> (N, C, h, w) for x in the network's own input convention, (N, 3, H, W)."""
        raise NotImplementedError

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return the features of an image, and the image itself as the layers `image` and `input`.

        Args:
            image: [0, 1] RGB, (N, 3, H, W).

        Raises:
            ValueError: The image is smaller than the deepest layer needs.
        """
        height, width = image.shape[-2:]
        if min(height, width) < self.smallest:
            raise ValueError(
                f"a picture of {width} x {height} pixels is too small: the deepest layer in use "
                f"({self.layers[-1]}) needs {self.smallest}; give a larger size=, fewer pyramid.levels= "
                f"or scales=, or shallower layers"
            )
        x = self.input(image)
        return {"image": image, "input": x} | self.features(x)

    def only(self, layers: Sequence[str]) -> "Backbone":
        """Return the network for some of its layers; one that can't leave layers out gives them all."""
        return self

    def freeze(self) -> None:
        """Switch to evaluation for good: no gradient towards the parameters, no statistics updated."""
        self.eval().requires_grad_(False)
