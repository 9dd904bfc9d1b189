"""The styles that a user asks a trained network for: names or files, weights, strength and masks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.data import image_io, masks
from nst.networks import Adain, AnyStyle, KnownStyles, io
from nst.networks.io import Trained
from nst.utils.errors import nearest
from nst.utils.files import user_path

SMALLEST = 16  # of a style file, pixels


@dataclass(frozen=True)
class StyleRequest:
    """One style of a mix.

    Attributes:
        name: A style that the checkpoint knows, or an image file.
        weight: Relative to the other styles.
    """

    name: str
    weight: float = 1.0


def parse(words: str | None, known: Sequence[str]) -> list[StyleRequest]:
    """Parse `name:weight,name:weight`; None means the first style of the checkpoint.

    Args:
        words: What the user typed.
        known: Names of the styles of the checkpoint.

    Raises:
        ValueError: A weight is not a number of 0 or more, or all weights are 0.
    """
    if words is None:
        return [StyleRequest(known[0])]
    out = [_request(word.strip(), known) for word in words.split(",") if word.strip()]
    if not out or sum(request.weight for request in out) <= 0:
        raise ValueError(f"style={words} gives no style a weight over 0; give style=name:weight,name:weight")
    return out


def _request(word: str, known: Sequence[str]) -> StyleRequest:
    name, colon, number = word.rpartition(":")
    if not colon or word in known or user_path(word).is_file():
        return StyleRequest(word)
    try:
        weight = float(number)
    except ValueError:
        raise ValueError(f"style={word} has the weight {number!r}; give name:weight, such as {name}:0.5") from None
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError(f"style={word} has the weight {number}; give a number of 0 or more")
    return StyleRequest(name, weight)


def shipped(words: str | None, *, masked: bool) -> Trained:
    """Return the network that comes with nst for what is asked: the one of the nine painted styles, or the one for any.

    Args:
        words: What the user typed, see `parse`.
        masked: Whether masks place the styles, which the network of the nine doesn't do.
    """
    nine = io.load(io.bundled("multistyle"))
    if not masked and all(request.name in nine.styles for request in parse(words, nine.styles)):
        return nine
    return io.load(io.bundled("any_style"))


@dataclass(frozen=True)
class StyleMix:
    """Styles as a network takes them, and where in an image each of them goes.

    Attributes:
        network: The network.
        codes: Of K styles, (K, ...).
        weights: Of each style: (1, 1, 1, 1), or (1, 1, H, W) for an image of that size.
        strength: In [0, 1]. A network that does not accept any style ignores it.
    """

    network: KnownStyles | Adain
    codes: Tensor
    weights: Sequence[Tensor]
    strength: float

    def weights_at(self, size: tuple[int, int]) -> Tensor:
        """Return the weights for an image resized or padded to (height, width): (1, K, 1, 1) or (1, K, h, w).

        h and w are those of the network's encoded maps.
        """
        placed = [weight if weight.shape[-2:] == (1, 1) else self._encoded(weight, size) for weight in self.weights]
        return torch.cat(torch.broadcast_tensors(*placed), dim=1)  # type: ignore[no-untyped-call]

    def _encoded(self, mask: Tensor, size: tuple[int, int]) -> Tensor:
        (height, width), stride = size, self.network.stride
        resized = F.interpolate(mask, size, mode="bilinear", antialias=True)
        return image_io.area(resized, (height // stride, width // stride))

    def condition(self, weights: Tensor) -> Any:
        """Return the second argument of the network for the weights of a whole image or of a window."""
        return self.network.condition(self.codes, weights, self.strength)

    def to(self, device: torch.device) -> "StyleMix":
        """Return the same mix on a device, for a network that is there."""
        return StyleMix(self.network, self.codes.to(device), [one.to(device) for one in self.weights], self.strength)


def encode(trained: Trained, requests: Sequence[StyleRequest]) -> Tensor:
    """Return what a network takes of K styles, (K, ...); of a file it takes a tenth of a second or more.

    Raises:
        ValueError: A style is unknown and not a file.
    """
    return torch.stack([_code(request.name, trained) for request in requests])


def mix(
    trained: Trained,
    requests: Sequence[StyleRequest],
    *,
    strength: float,
    masks: Sequence[Tensor | None],
    codes: Tensor | None = None,
) -> StyleMix:
    """Return the mix of the styles that a user asks for.

    Args:
        trained: The network.
        requests: The styles.
        strength: In [0, 1].
        masks: Of each style, (1, 1, H, W) of the image's size, or None for everywhere.
        codes: What `encode` returned for the styles, where that is known.

    Raises:
        ValueError: A style is unknown and not a file, or the network takes no masks.
    """
    if not trained.network.accepts_any_style and any(mask is not None for mask in masks):
        raise ValueError(f"masks= needs a network of method=any_style or adain; this one is of method={trained.method}")
    weights = [
        torch.full((1, 1, 1, 1), request.weight) if mask is None else mask * request.weight
        for request, mask in zip(requests, masks, strict=True)
    ]
    return StyleMix(trained.network, encode(trained, requests) if codes is None else codes, weights, strength)


@torch.no_grad()
def _code(name: str, trained: Trained) -> Tensor:
    """Return the code of a style that the checkpoint knows, or of an image file."""
    if name in trained.styles:
        return trained.known_style(name)
    near = ", ".join(nearest(name, trained.styles))
    if not isinstance(trained.network, Adain | AnyStyle):
        more = "; for a file give the checkpoint= of method=any_style" if user_path(name).is_file() else ""
        raise ValueError(f"the checkpoint has no style {name!r}; nearest: {near}{more}")
    path = user_path(name)
    if not path.is_file():
        raise ValueError(f"style={name} is no file and no style of the checkpoint; nearest: {near}")
    found = image_io.load(path)
    height, width = image_io.size_of(found.rgb)
    if min(height, width) < SMALLEST:
        raise ValueError(f"style={name} has {width} x {height} pixels; give a picture of {SMALLEST} or more")
    like = next(trained.network.parameters())
    alpha = None if found.alpha is None else found.alpha.to(like)
    return trained.network.encode_reduced(found.rgb.to(like), alpha, trained.style_size).cpu()


def read_masks(files: str | None, count: int, size: tuple[int, int], max_megapixels: float) -> list[Tensor | None]:
    """Read `file,null,file`, one mask for each style, and make them sum to 1 at every pixel.

    Args:
        files: What the user typed; None for no masks.
        count: Number of styles.
        size: (height, width) of the image, pixels.
        max_megapixels: See `image_io.load`.

    Raises:
        ValueError: There are more or fewer masks than styles, or a file is not a mask.
    """
    if files is None:
        return [None] * count
    names = [name.strip() for name in files.split(",")]
    if len(names) != count:
        raise ValueError(f"masks={files} names {len(names)}, but there are {count} styles; give as many, null for none")
    read = [None if name == "null" else masks.load(user_path(name), max_megapixels=max_megapixels)[0] for name in names]
    return masks.divide(read, None, size)[0]
