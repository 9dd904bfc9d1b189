"""The pictures of a run, read and made ready: content, styles and masks, with their colours and remarks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from nst.data import image_io, masks
from nst.data.color import Color
from nst.data.image_io import Pixels
from nst.data.library import Picture


@dataclass(frozen=True)
class StylePicture:
    """A style picture as a method takes it.

    Attributes:
        name: What it is called.
        image: RGB in [0, 1], (1, 3, H, W).
        weight: Its share among the styles.
        scale: Size of its strokes: its edge over the level's.
        mask: Where it is painted, (1, 1, h, w) of any size in [0, 1]; None for everywhere.
    """

    name: str
    image: Tensor
    weight: float = 1.0
    scale: float = 1.0
    mask: Tensor | None = None


@dataclass(frozen=True)
class Pictures:
    """What a method starts from.

    Attributes:
        original: The content as it was read.
        content: The content as the run sees it, (1, 3, H, W) in [0, 1].
        styles: The styles, likewise, each with its region.
        keep: Where the content is kept as it is, (1, 1, h, w) in [0, 1], or None.
        remarks: One line each on what the user may not expect.
    """

    original: Pixels
    content: Tensor
    styles: list[StylePicture]
    keep: Tensor | None = None
    remarks: list[str] = field(default_factory=list)


def load(pictures: Sequence[Picture], paths: Sequence[Path], *, color: Color, max_megapixels: float) -> Pictures:
    """Read the pictures of a run.

    Args:
        pictures: The content, then the styles.
        paths: Where they are.
        color: What happens to colours before the run.
        max_megapixels: See `images.load`.

    Raises:
        ValueError: A picture or a mask can't be used.
    """
    original, *styles = [image_io.load(path, max_megapixels=max_megapixels) for path in paths]
    size = image_io.size_of(original.rgb)
    remarks: list[str] = []
    keep, *own = [_mask(picture, size, remarks, max_megapixels) for picture in pictures]
    shares, more = masks.divide(own, keep, size)
    content, shown = color.before(original.rgb, [style.rgb for style in styles])
    named = zip(pictures[1:], shown, shares, strict=True)
    return Pictures(
        original,
        content,
        [StylePicture(style.name, image, style.weight, style.scale, mask) for style, image, mask in named],
        keep,
        remarks + more,
    )


def _mask(picture: Picture, size: tuple[int, int], remarks: list[str], max_megapixels: float) -> Tensor | None:
    if picture.mask is None:
        return None
    mask = masks.load(Path(picture.mask).expanduser(), max_megapixels=max_megapixels)
    remarks += masks.stretched(f"mask {picture.mask}", mask, size)
    return mask
