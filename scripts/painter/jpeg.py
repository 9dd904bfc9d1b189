"""JPEG under a byte limit: the best quality and the finest colour that fit."""

from io import BytesIO

from PIL import Image

_FULL_COLOUR, _HALF_COLOUR = 0, 2  # Pillow's codes of 4:4:4 and 4:2:0
_LADDER = [(q, _FULL_COLOUR) for q in range(95, 79, -1)] + [(q, _HALF_COLOUR) for q in range(92, 39, -1)]


def encode(picture: Image.Image, *, limit: int) -> bytes:
    """Give the picture as a JPEG file of at most `limit` bytes.

    Args:
        picture: RGB picture.
        limit: Largest size in bytes.

    Raises:
        ValueError: Even the lowest quality does not fit.
    """
    for quality, subsampling in _LADDER:
        file = BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling=subsampling, optimize=True, progressive=True)
        if file.tell() <= limit:
            return file.getvalue()
    width, height = picture.size
    raise ValueError(f"a {width}x{height} picture does not fit {limit} bytes; give a higher limit or a smaller size")
