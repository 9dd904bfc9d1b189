"""The options of `stylize.py`, typed as `key=value`. Imports nothing heavy, so that help and errors come at once."""

import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nst.utils import typecheck
from nst.utils.errors import nearest


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to paint, with which network, and how.

    Args:
        checkpoint: The `network.safetensors` or `network.ckpt` of a run; null: those that come with nst, for nine
            styles and for any.
        content: A picture, a film (needs the extra `video`), or a folder of them.
        output: The file or folder to write; null: in the working folder, named after the content.
        overwrite: Whether to replace older files; else a result gets a name that is free. The content and other files
            that are read are never replaced.
        quality: Of JPEG, WebP and AVIF files, from 1 to 100.
        style: `name:weight,name:weight` of the checkpoint's styles or, for a network of any style, of picture files;
            null: the checkpoint's first style.
        stroke: Width of the strokes relative to the usual one, from 0.5 to 2: the picture is painted at 1 / stroke of
            its size and resized. Time and memory grow with 1 / stroke^2.
        strength: From 0, the photograph (method=adain: its reconstruction), to 1, the style.
        masks: For a network of any style: grey picture files, one for each style; `null` for a style that takes
            the rest.
        keep_color: Whether to keep the photograph's colours and take only the lightness from the result.
        size: Longest edge of the result, pixels; null: the content's.
        tiles: `auto`: whole up to a megapixel, else in windows; `none`: always whole; or the longest edge of a window,
            pixels.
        glance: A picture over a megapixel is reduced to glance x glance pixels to measure the moments of its norms.
        steady: Whether strokes of a film move with what they paint; false: every frame is painted alone.
        batch: Frames of a film that are painted at once.
        threads: CPU threads; null: all cores.
        device: `cpu`, `gpu`, `cuda` or `mps`; null: the fastest.
        keep_memory: Whether to keep freed memory for the next picture or window: faster, with the same result.
        max_megapixels: Larger pictures are refused, 10^6 pixels.

    Raises:
        ValueError: A number is out of its range.
    """

    content: str
    checkpoint: str | None = None
    output: str | None = None
    overwrite: bool = False
    quality: int = 95
    style: str | None = None
    strength: float = 1.0
    stroke: float = 1.0
    masks: str | None = None
    keep_color: bool = False
    size: int | None = None
    tiles: str | int = "auto"
    glance: int = 720
    steady: bool = True
    batch: int = 1
    threads: int | None = None
    device: str | None = None
    keep_memory: bool = True
    max_megapixels: float = 200.0

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise ValueError(f"strength is {self.strength:g}; give a number from 0 to 1")
        if not 0.5 <= self.stroke <= 2:
            raise ValueError(f"stroke is {self.stroke:g}; give a number from 0.5, half as wide, to 2, twice as wide")
        for name, least in (("size", 8), ("glance", 64), ("batch", 1), ("threads", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; give {least} or more")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality is {self.quality}; give 1 up to 100")
        edge = self.tiles
        if edge not in ("auto", "none") and not (isinstance(edge, int) and edge >= 16 and edge % 4 == 0):
            raise ValueError(
                f"tiles is {edge!r}; give auto, none, or a window's edge in pixels, a multiple of 4, 16 or more"
            )


def parse(arguments: Sequence[str]) -> Options:
    """Parse `key=value ...`; values are taken literally, so file names need no quotes.

    Raises:
        ValueError: A key is unknown, missing or given twice, or a value is not valid.
    """
    kinds = typing.get_type_hints(Options)
    values: dict[str, Any] = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not equals:
            raise ValueError(f"can't read {argument!r}; give key=value, such as content=photo.jpg")
        if key not in kinds:
            raise ValueError(f"there is no option {key}; nearest: {', '.join(nearest(key, kinds))}")
        if key in values:
            raise ValueError(f"{key}= is there twice; give it once")
        values[key] = _value(text, kinds[key])
        typecheck.check_value(key, values[key], kinds[key])
    for field in dataclasses.fields(Options):
        if field.default is dataclasses.MISSING and field.name not in values:
            raise ValueError(f"{field.name}= is missing: nst stylize content=photo.jpg style=mosaic")
    return Options(**values)


def _value(text: str, kind: Any) -> Any:
    """Convert what was typed to an annotated type, or return it as it is if that fails."""
    choices = typing.get_args(kind) or (kind,)
    if text == "null" and type(None) in choices:
        return None
    if bool in choices:
        return {"true": True, "false": False}.get(text.lower(), text)
    for number in (int, float):
        if number in choices or (number is int and float in choices):
            try:
                return number(text)
            except ValueError:
                continue
    return text
