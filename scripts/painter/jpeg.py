"""JPEG under a byte limit: the best quality and the finest colour that fit."""

from io import BytesIO

from PIL import Image, ImageFile

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
    width, height = picture.size
    # An optimised file is written in one piece, and Pillow's own guess of its size is too small for fine texture.
    ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, 4 * width * height)
    for quality, subsampling in _LADDER:
        file = BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling=subsampling, optimize=True, progressive=True)
        if file.tell() <= limit:
            return file.getvalue()
    raise ValueError(f"a {width}x{height} picture does not fit {limit} bytes; give a higher limit or a smaller size")
