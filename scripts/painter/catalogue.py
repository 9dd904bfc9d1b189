"""Pictures on disk: the JPEG files, the catalogue that vouches for them, and a sheet that shows them all."""

import hashlib
import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from painter.gallery import PICTURES
from painter.jpeg import encode

BUNDLED = 1024  # edge of the pictures that nst comes with, pixels
PICTURE_LIMIT, SHEET_LIMIT = 250_000, 300_000  # bytes; of a picture of that edge, and of the sheet
_LICENCE = "original work of the nst project, MIT licence / CC0"
_CELL, _LABEL, _MARGIN = 320, 26, 10  # pixels on the contact sheet


def save(name: str, *, edge: int, folder: Path) -> Path:
    """Paint one picture into a folder and return the path of the file.

    Args:
        name: Which of the pictures.
        edge: Side in pixels.
        folder: Where the file goes.
    """
    path = folder / f"{name}.jpg"
    limit = max(PICTURE_LIMIT, PICTURE_LIMIT * edge**2 // BUNDLED**2)
    path.write_bytes(encode(PICTURES[name].paint(edge), limit=limit))
    return path


def write(folder: Path) -> Path:
    """Write `catalogue.yaml` for the pictures that lie in a folder and return its path.

    Args:
        folder: Where the JPEG files are.
    """
    lines = ["# Written by scripts/paint_styles.py; sizes are [height, width] in pixels."]
    for name, picture in PICTURES.items():
        path = folder / f"{name}.jpg"
        if not path.exists():
            continue
        with Image.open(path) as image:
            size = [image.height, image.width]
        fields = {
            "title": picture.title,
            "after": picture.after,
            "technique": picture.technique,
            "size": size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "licence": _LICENCE,
        }
        lines += [f"{name}:", *(f"  {field}: {json.dumps(value)}" for field, value in fields.items())]
    catalogue = folder / "catalogue.yaml"
    catalogue.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return catalogue


def contact_sheet(folder: Path) -> bytes:
    """Return a JPEG of all pictures of a folder, three in a row, each with its name.

    Args:
        folder: Where the JPEG files are.

    Raises:
        ValueError: A picture is missing.
    """
    missing = [name for name in PICTURES if not (folder / f"{name}.jpg").exists()]
    if missing:
        raise ValueError(f"{folder} lacks {', '.join(missing)}; paint them first: paint_styles.py --out {folder}")
    rows = -(-len(PICTURES) // 3)
    across, down = _CELL + _MARGIN, _CELL + _LABEL + _MARGIN
    sheet = Image.new("RGB", (3 * across + _MARGIN, rows * down + _MARGIN), "#f7f4ec")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=17)
    for number, name in enumerate(PICTURES):
        left, top = _MARGIN + number % 3 * across, _MARGIN + number // 3 * down
        with Image.open(folder / f"{name}.jpg") as image:
            sheet.paste(image.resize((_CELL, _CELL), Image.Resampling.LANCZOS), (left, top))
        pen.text((left + _CELL // 2, top + _CELL + _LABEL // 2), name, fill="#2b2b2b", font=font, anchor="mm")
    return encode(sheet, limit=SHEET_LIMIT)
