"""A trained network on pictures of any size: whole, or window by window with the same result."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nst import kernels
from nst.data import image_io
from nst.networks import Adain, Transformer, held
from nst.tiling.memory import free_memory

WHOLE = 1024**2  # pixels: a picture of no more is painted whole, by its own moments
WINDOWS = (1536, 1024, 512)  # pixels: the larger, the less of the work is halo; larger ones are slower by their memory
MAPS = 20  # maps of `width` channels that a network holds at full size, at its peak: transformer 12, adain 19
USABLE = 0.5  # share of the free memory that a window may take
SMALLEST = 8  # pixels; a smaller edge is padded to it: reflection needs room
Tell = Callable[[tuple[int, int]], Any]
"""(height, width) -> what the network is told besides the picture: a mix, or a blend."""


@dataclass(frozen=True)
class Stylist:
    """Paints with a network.

    An instance norm looks at the whole picture, so a picture cut into windows would change from window to window. Its
    moments are therefore taken once, of the picture reduced to `glance`, and held for the whole as for the windows:
    both give the same, and the cost per pixel does not grow. A picture of a megapixel or less has its own moments.

    Args:
        network: Trained, in evaluation mode.
        tile: Longest edge of a window without its halo, pixels, a multiple of 4; None: always whole; 0: whole up to a
            megapixel, else the largest of `WINDOWS` that fits into the free memory.
        glance: Edge of the square whose area a picture is reduced to before its moments are taken, pixels.
    """

    network: Transformer | Adain
    tile: int | None = 0
    glance: int = 720

    @torch.no_grad()
    def paint(self, image: Tensor, tell: Tell, *, done: Callable[[float], None] = lambda share: None) -> Tensor:
        """Paint pictures.

        Args:
            image: [0, 1] RGB, (N, 3, H, W).
            tell: What the network is told, for a picture of a given size.
            done: Called with the share of the work that is done, in [0, 1].
        """
        height, width = image_io.size_of(image)
        padded = _padded(image, self.network.stride)
        tile = self._tile(height * width, image)
        if tile is None and height * width <= WHOLE:
            out = self.network(padded, tell(image_io.size_of(padded)))
        else:
            small = self._reduced(padded)
            with held(self.network, lambda: self.network(small, tell(image_io.size_of(small)))):
                out = self._pieces(padded, tell, tile, done)
        done(1.0)
        inside: Tensor = out[..., :height, :width].clamp(0, 1)
        return inside

    def _tile(self, pixels: int, image: Tensor) -> int | None:
        if self.tile != 0:
            return self.tile
        if pixels <= WHOLE:
            return None
        kernels.release_memory()  # what the last picture left counts as free
        free = free_memory(image.device)
        each = len(image) * MAPS * self.network.options["width"] * image.element_size()
        fits = (edge for edge in WINDOWS if free is None or each * (edge + 2 * self.network.halo) ** 2 <= USABLE * free)
        return next(fits, WINDOWS[-1])

    def _reduced(self, image: Tensor) -> Tensor:
        height, width = image_io.size_of(image)
        scale = min(1.0, self.glance / (height * width) ** 0.5)
        if scale == 1 or height * width <= WHOLE:
            return image
        return image_io.resize(image, (_multiple(height * scale), _multiple(width * scale)))

    def _pieces(self, image: Tensor, tell: Tell, tile: int | None, done: Callable[[float], None]) -> Tensor:
        size = height, width = image_io.size_of(image)
        told = tell(size)
        if tile is None:
            return self.network(image, told)  # type: ignore[no-any-return]
        out = torch.empty_like(image)
        for top, left, bottom, right in _windows(size, tile):
            up, leftward = max(0, top - self.network.halo), max(0, left - self.network.halo)
            down, rightward = min(height, bottom + self.network.halo), min(width, right + self.network.halo)
            here = self.network.window(told, up, leftward, down - up, rightward - leftward)
            piece = self.network(image[..., up:down, leftward:rightward], here)
            inside = piece[..., top - up : bottom - up, left - leftward : right - leftward]
            out[..., top:bottom, left:right] = inside
            done((top * width + (bottom - top) * right) / (height * width))
        return out


def _windows(size: tuple[int, int], tile: int) -> Iterator[tuple[int, int, int, int]]:
    """Cut a picture of (height, width) into windows of about the same size, no longer than `tile`."""
    height, width = size
    tall, wide = (4 * ceil(length / ceil(length / tile) / 4) for length in size)
    for top in range(0, height, tall):
        for left in range(0, width, wide):
            yield top, left, min(height, top + tall), min(width, left + wide)


def _padded(image: Tensor, stride: int) -> Tensor:
    """Grow an image at its lower and right border to multiples of the stride, no smaller than the networks need."""
    height, width = image_io.size_of(image)
    more = [max(SMALLEST, length + (-length) % stride) - length for length in (width, height)]
    if not any(more):
        return image
    fits = more[0] < width and more[1] < height
    return F.pad(image, (0, more[0], 0, more[1]), mode="reflect" if fits else "replicate")


def _multiple(edge: float) -> int:
    return max(SMALLEST, round(edge / 4) * 4)
