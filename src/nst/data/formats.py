"""The picture formats that are read: those that Pillow decodes by itself, and HEIC by the extra `heic`."""

from functools import cache
from pathlib import Path

from PIL import Image

FOREIGN = ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG")
"""Formats that Pillow passes to other programs. EPS files are programs themselves, run by Ghostscript."""
HEIC_ENDINGS = (".heic", ".heif")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def own_formats() -> list[str]:
    """Return the names of the formats that are decoded without another program."""
    Image.init()
    register_heic()
    return [name for name in Image.ID if name not in FOREIGN]


def endings() -> set[str]:
    """Return the endings of picture files, HEIC's among them even where the extra is missing: then a line says so."""
    Image.init()
    return {*Image.registered_extensions(), *HEIC_ENDINGS}


@cache
def register_heic() -> bool:
    """Tell Pillow of HEIC; return False where the extra `heic` is not installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def is_heic(path: Path) -> bool:
    """Return whether a file starts as HEIC files do."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS
