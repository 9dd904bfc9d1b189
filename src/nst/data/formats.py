"""The picture formats that are read: those that Pillow decodes by itself."""

from PIL import Image

FOREIGN = ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG")
"""Formats that Pillow passes to other programs. EPS files are programs themselves, run by Ghostscript."""


def own_formats() -> list[str]:
    """Return the names of the formats that Pillow decodes without another program."""
    Image.init()
    return [name for name in Image.ID if name not in FOREIGN]
