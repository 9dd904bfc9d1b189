"""Small copies of pictures, as bytes that a page can hold."""

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from nst.utils.process import cores

THUMBNAIL = 200  # longest edge, pixels
PREVIEW = 1024
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")  # none that another program reads: files may be anybody's


def small(file: Path, edge: int) -> Image.Image | None:
    """Return a picture, upright, RGB, at most `edge` pixels long; None for one that can't be read."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            image.draft("RGB", (edge, edge))
            image.load()  # a PNG may say how it is turned behind its pixels
            upright = ImageOps.exif_transpose(image) if _may_turn(image) else image
            if upright.has_transparency_data:
                upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
            out = upright.convert("RGB")
            out.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=2.0)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return out


def _may_turn(image: Image.Image) -> bool:
    """Whether a picture may say how it is to be turned; our own PNGs don't, and looking copies it."""
    return image.format != "PNG" or "exif" in image.info or "Raw profile type exif" in image.info


def uri(image: Image.Image, *, quality: int = 80) -> str:
    """Encode a picture into a data address; JPEG, which takes a tenth of WebP's time."""
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def file_uri(file: Path) -> str:
    """Put an animated WebP or GIF into a data address as it is."""
    kind = file.suffix.lstrip(".")
    return f"data:image/{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"


@dataclass(frozen=True)
class Copies:
    """What a page shows of a picture.

    Attributes:
        thumbnail: At most `THUMBNAIL` pixels long; None for a file that can't be read.
        large: The address of one at most `PREVIEW` pixels long; likewise.
    """

    thumbnail: Image.Image | None = None
    large: str | None = None


def copies(files: Sequence[Path | None]) -> list[Copies]:
    """Return the copies of every file, decoded once, on all cores: Pillow lets go of the interpreter meanwhile."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(_copies, files))


def _copies(file: Path | None) -> Copies:
    image = None if file is None else small(file, PREVIEW)
    if image is None:
        return Copies()
    thumbnail = image.copy()
    thumbnail.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return Copies(thumbnail, uri(image, quality=85))
