"""A trained network on images of any size: whole, or window by window with the same result."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.data import image_io
from nst.inference.styles import StyleMix
from nst.networks import Adain, KnownStyles, UNet, fixed_moments, visible_moments
from nst.tiling.memory import free_memory
from nst.tiling.windows import Tiling

WHOLE = 1024**2  # pixels; an image up to this size is processed whole, with its own moments
WINDOWS = (
    1536,
    1024,
    512,
)  # pixels; large windows spend less on the halo, still larger ones are slower by their memory
MAPS = 20  # feature maps of `width` channels at full size that a network needs at its peak: transformer 12, adain 19
USABLE = 0.5  # fraction of the free memory that a window may use
SMALLEST = 2  # strides; smaller edges are padded to this, since reflection padding needs room
BORDER = 32  # pixels of the mirrored image on each side, painted and cut off; a quarter of a small image's shorter edge

Progress = Callable[[float], None]
"""Called with the fraction of the work that is done, in [0, 1]."""


@dataclass(frozen=True)
class TiledNetwork:
    """Applies a network to images of any size.

    An instance norm depends on the whole image, so an image cut into windows would change from window to window. The
    moments are therefore measured once, on the image reduced to `glance`, and fixed for the whole image and its windows
    (see `fixed_moments`): both give the same picture, and the cost per pixel does not grow. An image of a megapixel or
    less that is not cut has its own moments.

    A network knows by its padding where an image ends, and learns to paint the frame of a framed painting there: up to
    some 20 pixels inwards. Images are therefore continued by their mirror image, and that border is cut off again.

    Args:
        network: A trained network in evaluation mode.
        tile: Longest edge of a window without its halo, pixels, a multiple of 4; None: never cut; 0: cut above a
            megapixel, into the largest of `WINDOWS` that fits into the free memory.
        glance: Images over a megapixel are reduced to `glance` x `glance` pixels before their moments are measured.
    """

    network: KnownStyles | Adain
    tile: int | None = 0
    glance: int = 720

    @torch.no_grad()
    def stylize(
        self,
        image: Tensor,
        mix: StyleMix,
        *,
        opacity: Tensor | None = None,
        progress: Progress = lambda done: None,
    ) -> Tensor:
        """Return the pictures, of the size of the images.

        Args:
            image: RGB in [0, 1], (N, 3, H, W).
            mix: The styles.
            opacity: Of the images, (1, 1, H, W): what is transparent has no say in the moments; None: all is opaque.
            progress: Called after each window.
        """
        height, width = image_io.size_of(image)
        padded = _padded(image, self.network.stride)
        visible = None if opacity is None else _padded(opacity.to(image), self.network.stride)
        placed = [w if w.shape[-2:] == (1, 1) else _padded(w, self.network.stride) for w in mix.weights]
        mix = replace(mix, weights=placed)
        tile = self._tile(image)
        if tile is None and height * width <= WHOLE:
            out = self._whole(padded, mix, visible)
        else:
            small = padded if height * width <= WHOLE else self._reduced(padded)
            with fixed_moments(self.network, lambda: self._whole(small, mix, visible)):
                out = self._whole(padded, mix) if tile is None else self._windows(padded, mix, tile, progress)
        progress(1.0)
        border = _border(image, self.network.stride)
        return out[..., border : border + height, border : border + width].clamp(0, 1)

    def _tile(self, image: Tensor) -> int | None:
        """Return the edge of the windows, or None for the whole image."""
        height, width = image_io.size_of(image)
        if self.tile != 0:
            return self.tile
        if height * width <= WHOLE:
            return None
        free = free_memory(image.device)
        each = len(image) * MAPS * _width(self.network) * image.element_size()
        fits = (edge for edge in WINDOWS if free is None or each * (edge + 2 * self.network.halo) ** 2 <= USABLE * free)
        return next(fits, WINDOWS[-1])

    def _reduced(self, image: Tensor) -> Tensor:
        height, width = image_io.size_of(image)
        scale = self.glance / (height * width) ** 0.5
        if scale >= 1:
            return image
        stride = self.network.stride
        size = (stride * max(SMALLEST, round(length * scale / stride)) for length in (height, width))
        return image_io.resize(image, tuple(size))

    def _whole(self, image: Tensor, mix: StyleMix, opacity: Tensor | None = None) -> Tensor:
        with visible_moments(self.network, opacity):
            out: Tensor = self.network(image, mix.condition(mix.weights_at(image_io.size_of(image))))
        return out

    def _windows(self, image: Tensor, mix: StyleMix, tile: int, progress: Progress) -> Tensor:
        size, stride, halo = image_io.size_of(image), self.network.stride, (self.network.halo, self.network.halo)
        weights = mix.weights_at(size)
        out = torch.empty_like(image)
        windows = Tiling({}, align=stride, halo=(halo, halo), smallest=0).windows(size, tile)
        for number, window in enumerate(windows, start=1):
            rows, columns = window.rows, window.columns
            here = weights
            if weights.shape[-2:] != (1, 1):
                here = weights[:, :, rows.start // stride : rows.stop // stride]
                here = here[..., columns.start // stride : columns.stop // stride]
            picture: Tensor = self.network(window.of(image), mix.condition(here))
            top, bottom = rows.positions(1, rows.stop - rows.start)  # of the window without its halo
            left, right = columns.positions(1, columns.stop - columns.start)
            out[..., rows.first : rows.last, columns.first : columns.last] = picture[..., top:bottom, left:right]
            progress(number / len(windows))
        return out


def _border(image: Tensor, stride: int) -> int:
    """Return the width of the border, pixels, a multiple of the stride."""
    return stride * (min(BORDER, min(image_io.size_of(image)) // 4) // stride)


def _padded(image: Tensor, stride: int) -> Tensor:
    """Continue an image by its border, and at the bottom and right to multiples of the stride, `SMALLEST` or more."""
    height, width = image_io.size_of(image)
    border = _border(image, stride)
    right, bottom = (
        border + max(SMALLEST * stride, length + (-length) % stride) - length for length in (width, height)
    )
    fits = right < width and bottom < height
    return F.pad(image, (border, right, border, bottom), mode="reflect" if fits else "replicate")


def _width(network: KnownStyles | Adain) -> int:
    """Return the number of channels at full size."""
    options = network.options
    return int(options["widths"][0] if isinstance(network, UNet) else options["width"])
