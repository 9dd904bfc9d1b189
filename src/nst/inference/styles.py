"""What a person asks of a trained network: styles by name or by file, their weights, strength, masks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.data import image_io, masks
from nst.inference.tiled import Tell
from nst.methods.adain import cropped
from nst.methods.network_module import sized
from nst.networks import Adain, Blend
from nst.networks.io import Trained
from nst.utils.errors import nearest

STYLE_SIZE = 320  # shorter edge at which a style's file is seen, pixels, where the checkpoint does not say


@dataclass(frozen=True)
class Wish:
    """One style that is asked for.

    Attributes:
        name: Of a style that the checkpoint knows, or a file.
        weight: Its share, relative to the others.
    """

    name: str
    weight: float = 1.0


def wishes(words: str | None, trained: Trained) -> list[Wish]:
    """Read `name:weight,name:weight`; without any the first style of the checkpoint.

    Raises:
        ValueError: A weight is no number of 0 or more, or all are 0.
    """
    if words is None:
        return [Wish(trained.styles[0])]
    out = [_wish(word.strip(), trained) for word in words.split(",") if word.strip()]
    if not out or sum(wish.weight for wish in out) <= 0:
        raise ValueError(f"style={words} gives no style a weight over 0; give style=name:weight,name:weight")
    return out


def _wish(word: str, trained: Trained) -> Wish:
    name, colon, number = word.rpartition(":")
    if not colon or word in trained.styles or Path(word).is_file():
        return Wish(word)
    try:
        weight = float(number)
    except ValueError:
        raise ValueError(f"style={word} has the weight {number!r}; give name:weight, such as {name}:0.5") from None
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError(f"style={word} has the weight {number}; give a number of 0 or more")
    return Wish(name, weight)


def tell(trained: Trained, asked: Sequence[Wish], *, strength: float, masks: Sequence[Tensor | None]) -> Tell:
    """Return what the network is told for a picture of a given size.

    Args:
        trained: The network.
        asked: The styles.
        strength: In [0, 1]; of a transformer it is 1: its pictures are blended with the photograph instead.
        masks: Of each style, (1, 1, H, W) of the picture's size, or None for everywhere.

    Raises:
        ValueError: A style is unknown, or no file.
    """
    if isinstance(trained.network, Adain):
        return _blend(trained, asked, strength, masks)
    if any(mask is not None for mask in masks):
        raise ValueError(f"masks= needs a network of method=adain; this one is of method={trained.method}")
    mix = torch.zeros(1, len(trained.styles))
    for wish in asked:
        mix[0, _known(wish.name, trained)] += wish.weight
    mix = mix / mix.sum()
    return lambda size: mix


def _known(name: str, trained: Trained) -> int:
    if name not in trained.styles:
        near = ", ".join(nearest(name, trained.styles))
        raise ValueError(f"the checkpoint has no style {name!r}; nearest: {near}")
    return trained.styles.index(name)


def _blend(trained: Trained, asked: Sequence[Wish], strength: float, masks: Sequence[Tensor | None]) -> Tell:
    looks = [_look(wish.name, trained) for wish in asked]
    means, deviations = (torch.stack([look[i] for look in looks])[None] for i in (0, 1))  # (1, K, C)
    shares = [
        torch.full((1, 1, 1, 1), wish.weight) if mask is None else mask * wish.weight
        for wish, mask in zip(asked, masks, strict=True)
    ]

    def told(size: tuple[int, int]) -> Blend:
        places = [share if share.shape[-2:] == (1, 1) else _at(share, size) for share in shares]
        together = torch.broadcast_tensors(*places)  # type: ignore[no-untyped-call]
        weights = torch.cat(together, dim=1)  # (1, K, h, w)
        return Blend(means, deviations, weights / weights.sum(1, keepdim=True).clamp_min(1e-6), strength)

    return told


def _at(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """A mask of the picture at the positions of the encoder, for a picture that was padded or reduced."""
    return F.adaptive_avg_pool2d(
        F.interpolate(mask, size, mode="bilinear", antialias=True), (size[0] // 4, size[1] // 4)
    )


@torch.no_grad()
def _look(name: str, trained: Trained) -> tuple[Tensor, Tensor]:
    """Mean and deviation, (C,) each, of a style that the checkpoint knows, or of a picture file."""
    if name in trained.styles:
        place = trained.styles.index(name)
        return trained.keeps["means"][place], trained.keeps["deviations"][place]
    if not Path(name).expanduser().is_file():
        near = ", ".join(nearest(name, trained.styles))
        raise ValueError(f"style={name} is no file and no style of the checkpoint; nearest: {near}")
    edge = trained.config.get("method", {}).get("style_size", STYLE_SIZE)
    style = cropped(sized(image_io.load(Path(name).expanduser()).rgb, edge, 1.0))
    assert isinstance(trained.network, Adain)
    mean, deviation = trained.network.look(style)
    return mean[0], deviation[0]


def read_masks(files: str | None, count: int, size: tuple[int, int], max_megapixels: float) -> list[Tensor | None]:
    """Read `file,null,file`, one for each style, and divide the picture among them.

    Raises:
        ValueError: There are more or fewer than styles, or one is no mask.
    """
    if files is None:
        return [None] * count
    names = [name.strip() for name in files.split(",")]
    if len(names) != count:
        raise ValueError(f"masks={files} names {len(names)}, but there are {count} styles; give as many, null for none")
    read = [
        None if name == "null" else masks.load(Path(name).expanduser(), max_megapixels=max_megapixels) for name in names
    ]
    return masks.divide(read, None, size)[0]
