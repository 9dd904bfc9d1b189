"""How a picture was made, written into `final.png` as text: `reproduce=final.png` paints it again.

The text is JSON under the key `nst-recipe`. One from somebody else can only make pictures: see `config.trusted`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from nst.config import legacy
from nst.config.trusted import REQUIRED, refuse_foreign

FIELD = "nst-recipe"
MOST_PIXELS = 1_000_000_000
TYPES = {"threads": int, "device": str, "command": str, "pixels": str}
"""Of a record's fields; the others are dictionaries."""


@dataclass(frozen=True)
class Provenance:
    """How a picture was made.

    Attributes:
        config: The resolved configuration.
        choices: Group -> the option chosen.
        sources: SHA-256 of the content, the styles and the checkpoint.
        versions: Package -> version.
        threads: Of torch; sums in another order give other last bits.
        device: `cpu`, `cuda` or `mps`.
        command: What was typed.
        pixels: SHA-256 of the 8-bit pixels of the last level, by which a reproduction is compared.
    """

    config: Mapping[str, Any]
    choices: dict[str, str]
    sources: dict[str, Any]
    versions: dict[str, str]
    threads: int
    device: str
    command: str
    pixels: str

    def text(self) -> dict[str, str]:
        """Return the PNG's text fields."""
        return {FIELD: json.dumps(vars(self), ensure_ascii=False), "Software": f"nst {self.versions['nst']}"}


def read(path: Path) -> Provenance:
    """Read how a picture was made, and refuse a record that could do anything but make pictures.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no PNG with such a record, or the record is damaged or names what may not be built.
    """
    if not path.is_file():
        raise FileNotFoundError(f"picture not found: reproduce={path}; give the final.png of a run")
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels are too many")
            image.load()
            text = getattr(image, "text", {}).get(FIELD)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"reproduce={path} is not a complete PNG ({error}); give the final.png of a run") from None
    if text is None:
        raise ValueError(
            f"reproduce={path} does not say how it was made; give the final.png of a run, not a copy from elsewhere"
        )
    try:
        found = Provenance(**json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, str(error)) from None
    for name, value in vars(found).items():
        if not isinstance(value, TYPES.get(name, dict)):
            raise _damaged(path, name)
    config = legacy.config(dict(found.config))
    refuse_foreign(config, f"the record in {path}", "type the choices yourself if you trust them")
    if found.threads < 1 or not set(config) >= REQUIRED:
        raise _damaged(path, "it lacks choices")
    return Provenance(**{**vars(found), "config": config})


def _damaged(path: Path, why: str) -> ValueError:
    return ValueError(f"the record in {path} is damaged ({why}); give the final.png of a run")


def pixels_sha256(path: Path) -> str:
    """Return the SHA-256 of a picture's pixels: shape and 8-bit values, whatever else the file holds."""
    with Image.open(path) as image:
        array = np.asarray(image)
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()


def differences(asked: Provenance, made: Provenance) -> list[str]:
    """Return one line for each reason why a picture is not the one that was asked for; none where every pixel is."""
    if asked.pixels == made.pixels:
        return []
    here = made.versions
    why = [f"{name} is {here.get(name)}, not {got}" for name, got in asked.versions.items() if here.get(name) != got]
    why += [f"the device is {made.device}, not {asked.device}"] if made.device != asked.device else []
    why += [f"threads is {made.threads}, not {asked.threads}"] if made.threads != asked.threads else []
    why += [f"{name} is another file" for name, digest in asked.sources.items() if made.sources.get(name) != digest]
    return [f"not every pixel is reproduced: {reason}" for reason in why or ["this machine computes differently"]]
