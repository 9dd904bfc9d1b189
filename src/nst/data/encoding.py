"""Pictures to bytes: which formats can hold one, and how each is written."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst.data.formats import own_formats

QUALITY = 95
"""Of formats that lose detail, from 1 to 100."""
STRIP = 16  # pixels: thickness of the pictures by which a format's limits are tried
COLOUR = (200, 100, 50, 128)


def format_of(path: Path) -> str:
    """Return Pillow's name of the format that a path's extension stands for.

    Raises:
        ValueError: The extension is no picture's, or one that can be read but not written.
    """
    name = Image.registered_extensions().get(path.suffix.lower())
    if name is None:
        raise ValueError(f"output={path} has no ending of a picture; give .png, .jpg, .webp or similar")
    if name not in own_formats() or not holds(name, (STRIP, STRIP), alpha=False):
        raise ValueError(f"output={path}: {name} files can't hold such a picture; give .png, .jpg, .webp or similar")
    return name


def check(path: Path, size: tuple[int, int]) -> None:
    """Refuse a path whose format can't hold a picture of this size.

    Args:
        path: The file that is to be written.
        size: (height, width), pixels.

    Raises:
        ValueError: What `format_of` raises, or the picture is too large for the format.
    """
    name, (height, width) = format_of(path), size
    if not (holds(name, (STRIP, width), alpha=False) and holds(name, (height, STRIP), alpha=False)):
        raise ValueError(
            f"output={path}: {width} x {height} pixels are too many for {name}; give .png or a smaller size="
        )


def holds_alpha(path: Path) -> bool:
    """Return whether the format of a path keeps transparency."""
    return holds(format_of(path), (STRIP, STRIP), alpha=True)


def holds(name: str, size: tuple[int, int], *, alpha: bool) -> bool:
    """Return whether a format gives back the size, the colours and the transparency of a picture, found by trial.

    Args:
        name: Pillow's name of the format.
        size: (height, width), pixels.
        alpha: Whether the picture has transparent pixels.
    """
    colour = COLOUR if alpha else COLOUR[:3]
    written = np.full((*size, len(colour)), colour, dtype=np.uint8)
    try:
        with Image.open(io.BytesIO(encode(written, name)), formats=[name]) as image:
            read = np.asarray(image.convert("RGBA" if alpha else "RGB"))
    except Exception:  # an encoder may refuse in any way
        return False
    return read.shape == written.shape and bool((abs(read.astype(int) - written) < STRIP).all())


def encode(array: np.ndarray, name: str, *, quality: int = QUALITY, text: dict[str, str] | None = None) -> memoryview:
    """Return a picture as a file's content.

    Args:
        array: (H, W, 3) or, with opacity, (H, W, 4), 8 bits.
        name: Pillow's name of the format.
        quality: Of formats that lose detail, from 1 to 100. Colours are stored at full resolution.
        text: PNG text fields to store with the pixels.
    """
    lossy: dict[str, Any] = {"quality": quality, "subsampling": "4:4:4"}
    info = PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    options = {"JPEG": lossy, "AVIF": lossy, "WEBP": {"quality": quality}, "PNG": {"pnginfo": info}}
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format=name, **options.get(name, {}))
    return buffer.getbuffer()
