"""TIFF files that Pillow does not know, by tifffile: colours in floats or in more than 16 bits; written, in 16."""

import io
import logging
from pathlib import Path

import numpy as np
import tifffile

from nst.data.decoding import FilePixels, Samples, UnfitError

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # errors are told by those who call
KINDS = {"u": "unsigned", "i": "signed", "f": "float"}
GREY, RGB = (0, 1), (2,)
"""PhotometricInterpretation."""
ASSOCIATED, UNASSOCIATED = 1, 2
"""ExtraSamples that are opacity: colours are multiplied by it, or not."""


def is_tiff(path: Path) -> bool:
    """Return whether a file starts as TIFF files do."""
    with path.open("rb") as file:
        return file.read(4)[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def size(path: Path) -> tuple[int, int]:
    """Return the (width, height) of the first picture."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        return int(page.imagewidth), int(page.imagelength)  # type: ignore[union-attr]


def read(path: Path) -> tuple[FilePixels, int]:
    """Return the first picture of a file, and the orientation that its tag names.

    Raises:
        UnfitError: Its colours are neither grey nor RGB, or a value is not a finite number.
        Exception: The file is damaged, or compressed in a way that tifffile does not know.
    """
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        array, kind = page.asarray(), KINDS.get(page.dtype.kind if page.dtype else "")
        tags = {tag.code: tag.value for tag in page.tags}
        axes, photometric, extra = page.axes, int(page.photometric), [int(one) for one in page.extrasamples]
    if kind is None or photometric not in (*GREY, *RGB) or axes not in ("YX", "YXS", "SYX"):
        raise UnfitError(f"{path} is a TIFF of colours that are neither grey nor RGB; give an RGB file")
    values = {"YX": lambda: array[..., None], "YXS": lambda: array, "SYX": lambda: np.moveaxis(array, 0, -1)}[axes]()
    colours = 1 if photometric in GREY else 3
    samples = Samples.tagged(tags)
    samples = Samples(kind, array.dtype.itemsize * 8, samples.low, samples.high, samples.inverted)
    rgb, notes = samples.scaled(values[..., :colours], path)
    alpha = None
    if extra and extra[0] in (ASSOCIATED, UNASSOCIATED) and values.shape[-1] > colours:
        alpha, _ = Samples(kind, samples.bits).scaled(values[..., colours], path)
        if extra[0] == ASSOCIATED:
            rgb = np.clip(rgb / np.maximum(alpha, 1e-6)[..., None], 0, 1)
        alpha = None if alpha.min() == 1 else alpha
    orientation = tags.get(274)
    return FilePixels(np.repeat(rgb, 3 // colours, axis=2), alpha, notes), orientation if isinstance(
        orientation, int
    ) else 1


def encode(array: np.ndarray) -> memoryview:
    """Return a picture as the content of a TIFF file, packed without loss.

    Args:
        array: (H, W, 3) or, with opacity, (H, W, 4), 16 bits.
    """
    out = io.BytesIO()
    extra = ["unassalpha"] if array.shape[-1] == 4 else None
    tifffile.imwrite(out, array, photometric="rgb", extrasamples=extra, compression="zlib", predictor=True)
    return out.getbuffer()
