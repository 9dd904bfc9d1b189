"""Small copies of pictures, as bytes that a page can hold."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageOps

from nst.threads import cores

THUMBNAIL = 200  # longest edge, pixels
PREVIEW = 1024


def small(file: Path, edge: int) -> Image.Image | None:
    """Return a picture, upright, RGB, at most `edge` pixels long; None for one that can't be read."""
    try:
        with Image.open(file) as image:
            image.draft("RGB", (edge, edge))
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data:
                upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
            out = upright.convert("RGB")
            out.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=2.0)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return out


def uri(image: Image.Image, *, quality: int = 80) -> str:
    """Encode a picture into a data address, WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "webp", quality=quality, method=2)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def file_uri(file: Path) -> str:
    """Put an animated WebP or GIF into a data address as it is."""
    kind = file.suffix.lstrip(".")
    return f"data:image/{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"


def thumbnails(files: list[Path | None]) -> list[Image.Image | None]:
    """Return a thumbnail for every file, on all cores: Pillow lets go of the interpreter while it decodes."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(lambda file: None if file is None else small(file, THUMBNAIL), files))
