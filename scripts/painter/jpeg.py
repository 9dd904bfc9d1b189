"""JPEG under a byte limit: the best quality and the finest colour that fit."""

from bisect import bisect_left
from io import BytesIO

from PIL import Image, ImageFile

_FULL_COLOUR, _HALF_COLOUR = 0, 2  # Pillow's codes of 4:4:4 and 4:2:0
_FINE, _COARSE = range(95, 79, -1), range(92, 39, -1)  # qualities tried with full, then with half colour


def encode(picture: Image.Image, *, limit: int) -> bytes:
    """Return the picture as a JPEG file of at most `limit` bytes.

    Args:
        picture: RGB picture.
        limit: Largest size in bytes.

    Raises:
        ValueError: Even the lowest quality does not fit.
    """
    width, height = picture.size
    # An optimised file is written in one piece, and Pillow's own guess of its size is too small for fine texture.
    ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, 4 * width * height)

    def file(quality: int, subsampling: int) -> bytes:
        stream = BytesIO()
        picture.save(stream, "JPEG", quality=quality, subsampling=subsampling, optimize=True, progressive=True)
        return stream.getvalue()

    for qualities, subsampling in ((_FINE, _FULL_COLOUR), (_COARSE, _HALF_COLOUR)):
        first = bisect_left(qualities, True, key=lambda q, s=subsampling: len(file(q, s)) <= limit)
        if first < len(qualities):
            return file(qualities[first], subsampling)
    raise ValueError(f"a {width}x{height} picture does not fit {limit} bytes; give a higher limit or a smaller size")
