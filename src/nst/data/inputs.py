"""The images that a method starts from: content, styles and masks, read, with their colours matched."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from nst.data import image_io, masks
from nst.data.color import Color
from nst.data.image_io import DecodedImage
from nst.data.library import ImageSource
from nst.utils.files import user_path


@dataclass(frozen=True)
class StylePicture:
    """A style picture as a method takes it.

    Attributes:
        name: What it is called.
        image: RGB in [0, 1], (1, 3, H, W).
        weight: Its weight relative to the other styles.
        scale: Size of its strokes: its edge divided by the edge of the level.
        mask: Where it is painted, (1, 1, h, w) of any size in [0, 1]; None for everywhere.
        alpha: Opacity of the image, (1, 1, H, W); None for opaque.
    """

    name: str
    image: Tensor
    weight: float = 1.0
    scale: float = 1.0
    mask: Tensor | None = None
    alpha: Tensor | None = None


@dataclass(frozen=True)
class Inputs:
    """The images that the image method starts from.

    Attributes:
        original: The content as it was read.
        content: The content after colour matching, (1, 3, H, W) in [0, 1].
        styles: The styles after colour matching, each with its mask.
        keep: Where the content is kept, (1, 1, h, w) in [0, 1], or None.
        remarks: One line for each thing that the user may not expect.
    """

    original: DecodedImage
    content: Tensor
    styles: list[StylePicture]
    keep: Tensor | None = None
    remarks: list[str] = field(default_factory=list)


def load(sources: Sequence[ImageSource], paths: Sequence[Path], *, color: Color, max_megapixels: float) -> Inputs:
    """Read the content, the styles and their masks.

    Args:
        sources: The content, then the styles.
        paths: The file of each.
        color: What happens to colours before the run.
        max_megapixels: See `image_io.load`.

    Raises:
        ValueError: An image or a mask can't be used.
    """
    decoded = [image_io.load(path, max_megapixels=max_megapixels) for path in paths]
    return of(sources, decoded, color=color, max_megapixels=max_megapixels)


def of(
    sources: Sequence[ImageSource], decoded: Sequence[DecodedImage], *, color: Color, max_megapixels: float
) -> Inputs:
    """Return the inputs of images that are read: as `load`, with the pixels of each file instead of its path."""
    original, *styles = decoded
    size = image_io.size_of(original.rgb)
    remarks = [note for one in (original, *styles) for note in one.notes]
    keep, *own = [_mask(source, size, remarks, max_megapixels) for source in sources]
    divided, more = masks.divide(own, keep, size)
    content, matched = color.before(
        original.rgb, [style.rgb for style in styles], opacity=[one.alpha for one in (original, *styles)]
    )
    pictures = [
        StylePicture(source.used, image, source.weight, source.scale, mask, style.alpha)
        for source, style, image, mask in zip(sources[1:], styles, matched, divided, strict=True)
    ]
    return Inputs(original, content, pictures, keep, remarks + more)


def _mask(source: ImageSource, size: tuple[int, int], remarks: list[str], max_megapixels: float) -> Tensor | None:
    if source.mask is None:
        return None
    mask, notes = masks.load(user_path(source.mask), max_megapixels=max_megapixels)
    remarks += notes
    remarks += masks.stretched(f"mask {source.mask}", mask, size)
    return mask
