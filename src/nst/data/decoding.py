"""The pixels of a picture file: upright, sRGB in [0, 1], with the opacity apart.

What a number means is said by the file's type and tags, never by the values themselves; what can't be shown so is said
in a note.
"""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

from nst.data import colorimetry

TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what turns the picture upright."""
BITS, PHOTOMETRIC, LOWEST, HIGHEST, FORMAT, S_LOWEST, S_HIGHEST = 258, 262, 280, 281, 339, 340, 341
"""TIFF tags: BitsPerSample, PhotometricInterpretation, Min- and MaxSampleValue, SampleFormat, SMin- and SMax-."""
UNSIGNED, FLOAT = 1, 3
"""SampleFormat."""
JPEG_END = b"\xff\xd9"


class UnfitError(ValueError):
    """The file is intact, but its picture can't be used; the message says why."""


@dataclass
class FilePixels:
    """What a file holds.

    Attributes:
        rgb: sRGB in [0, 1], (H, W, 3), float32.
        alpha: Opacity in [0, 1], (H, W), float32; None for an opaque picture.
        notes: One line for each thing that a user may not expect.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Samples:
    """How the samples of a file with more than 8 bits are stored.

    Attributes:
        kind: `unsigned`, `signed` or `float`.
        bits: Of a sample.
        low: Value that is shown as black, if the file says so; None: 0.
        high: Value that is shown as white, if the file says so; None: the largest of the type, 1 for floats.
        inverted: Whether the lowest value is white.
    """

    kind: str
    bits: int
    low: float | None = None
    high: float | None = None
    inverted: bool = False

    @classmethod
    def tagged(cls, tags: Any) -> "Samples":
        """Read the tags of a TIFF file.

        Args:
            tags: Number of a tag -> its value.
        """

        def first(tag: int, default: Any = None) -> Any:
            value = tags.get(tag)
            value = value[0] if isinstance(value, tuple) and value else value
            return default if value is None or value == () else value

        kind = {UNSIGNED: "unsigned", FLOAT: "float"}.get(first(FORMAT, UNSIGNED), "signed")
        low, high = first(S_LOWEST, first(LOWEST)), first(S_HIGHEST, first(HIGHEST))
        known = all(value is None or isinstance(value, int | float) for value in (low, high))
        if not known or (low is not None and high is not None and not low < high):
            low = high = None  # damaged
        return cls(kind, int(first(BITS, 1)), low, high, inverted=first(PHOTOMETRIC) == 0)

    def scaled(self, values: np.ndarray, path: Path) -> tuple[np.ndarray, list[str]]:
        """Return values in [0, 1], float32, of any shape, and notes.

        Integers of 32 bits and more without a range in the file are shown up to the largest of them: such files hold
        counts or labels, and the range of the type would show them all as black.

        Raises:
            UnfitError: A value is not a finite number.
        """
        values = values.astype(np.float64)
        if bad := int((~np.isfinite(values)).sum()):
            raise UnfitError(
                f"{path} has {bad} NaN or infinite {'value' if bad == 1 else 'values'}; give a picture without"
            )
        low, notes = self.low or 0.0, []
        high = self.high
        if high is None and self.kind == "float":
            high = 1.0
        elif high is None and self.bits <= 16:
            high = float(2 ** (self.bits - (self.kind == "signed")) - 1)
        elif high is None:
            high = max(float(values.max()), low + 1)
            notes.append(f"{path} has {self.bits}-bit integers and no range: its largest value, {high:g}, is white")
        outside = float(((values < low) | (values > high)).mean())
        if outside > 0:
            of = f"{100 * outside:.1f} %" if outside >= 1e-3 else "a few"
            notes.append(f"{path}: {of} of the values lie outside {low:g} to {high:g}, the range of the file; cut off")
        out = np.clip((values - low) / (high - low), 0, 1)
        return (1 - out if self.inverted else out).astype(np.float32), notes


def turned(pixels: FilePixels, orientation: int) -> FilePixels:
    """Return pixels turned as an EXIF orientation says."""
    turns, flips = {
        3: (2, False),
        6: (3, False),
        8: (1, False),
        2: (0, True),
        4: (2, True),
        5: (3, True),
        7: (1, True),
    }.get(orientation, (0, False))

    def turn(array: np.ndarray) -> np.ndarray:
        rotated = np.rot90(array, turns)
        return rotated[:, ::-1] if flips else rotated

    return FilePixels(turn(pixels.rgb), None if pixels.alpha is None else turn(pixels.alpha), pixels.notes)


def upright(image: Image.Image) -> Image.Image:
    """Return an image turned as its metadata says; as it is where that can't be read."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # of metadata only the orientation matters
        return image
    method = TRANSPOSED.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def pixels(image: Image.Image, path: Path, raw: str) -> FilePixels:
    """Return the pixels of a loaded image.

    Args:
        image: Upright.
        path: Its file, for notes and errors.
        raw: Pillow's name of the samples in the file, such as `L;4`.

    Raises:
        UnfitError: A value is not a finite number, or nothing of the picture is visible.
    """
    deep = image.mode.startswith("I;16") or image.mode in ("I", "F")
    out = _deep(image, path) if deep else _shallow(image, raw)
    if out.alpha is not None and out.alpha.min() == 1:
        out.alpha = None
    return out


def _deep(image: Image.Image, path: Path) -> FilePixels:
    """Return the pixels of a grey image with more than 8 bits."""
    values = np.asarray(image)
    samples = Samples("float", 32) if image.mode == "F" else Samples("unsigned", 16)
    if image.format == "TIFF":
        samples = Samples.tagged(image.tag_v2)  # type: ignore[attr-defined]
        if image.mode == "I" and samples.kind == "unsigned" and samples.bits > 16:
            values = values.view(np.uint32)  # Pillow's are signed
    grey, notes = samples.scaled(values, path)
    profile = image.info.get("icc_profile")
    rgb = _through_curve(grey, profile) if profile else None
    if rgb is None:
        rgb = _by_gamma(np.repeat(grey[..., None], 3, axis=2), image.info)
    hidden = image.info.get("transparency")
    alpha = (values != hidden).astype(np.float32) if isinstance(hidden, int) else None
    return FilePixels(rgb, alpha, notes)


def _shallow(image: Image.Image, raw: str) -> FilePixels:
    """Return the pixels of an image with 8 bits or fewer."""
    alpha = None
    if image.has_transparency_data:
        _scale_transparency(image, raw)
        image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        alpha = np.asarray(image.getchannel("A"), dtype=np.float32) / 255
    converted = _by_profile(image, image.info.get("icc_profile"))
    rgb = np.array(image.convert("RGB") if converted is None else converted, dtype=np.float32)
    rgb /= 255
    return FilePixels(rgb if converted is not None else _by_gamma(rgb, image.info), alpha)


def _scale_transparency(image: Image.Image, raw: str) -> None:
    """Bring PNG's transparent value to the 8 bits that Pillow reads the samples in."""
    value = image.info.get("transparency")
    if raw in ("L;2", "L;4") and isinstance(value, int):
        image.info["transparency"] = value * 255 // (2 ** int(raw[-1]) - 1)
    elif raw == "RGB;16B" and isinstance(value, tuple):
        image.info["transparency"] = tuple(part >> 8 for part in value)


def _by_profile(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Return an image in 8-bit sRGB by its ICC profile; None where there is none that fits the image's mode."""
    if not profile:
        return None
    colours = image.convert({"P": "RGB", "PA": "RGB", "1": "L", "LA": "L", "RGBA": "RGB"}.get(image.mode, image.mode))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None  # a broken profile, or one for another mode, is ignored, as image viewers do


def _through_curve(grey: np.ndarray, profile: bytes) -> np.ndarray | None:
    """Return RGB for grey values in [0, 1] by a grey ICC profile, a curve; None where it is of another kind."""
    ramp = _by_profile(Image.fromarray(np.arange(256, dtype=np.uint8)[None]), profile)
    if ramp is None:
        return None
    curve = np.asarray(ramp, dtype=np.float64)[0] / 255  # (256, 3)
    at = np.linspace(0, 1, 256)
    return np.stack([np.interp(grey, at, curve[:, c]) for c in range(3)], axis=-1).astype(np.float32)


def _by_gamma(rgb: np.ndarray, info: dict[Any, Any]) -> np.ndarray:
    """Return RGB by PNG's gAMA and cHRM chunks, which the sRGB chunk overrules."""
    gamma, primaries = info.get("gamma"), info.get("chromaticity")
    if "srgb" in info or not isinstance(gamma, float):
        return rgb
    return colorimetry.to_srgb(rgb, gamma, primaries if isinstance(primaries, tuple) else None)


def mended_jpeg(data: bytes) -> bytes | None:
    """Return a JPEG file that lacks only its end mark with the mark; None for one that lacks pixels, too.

    Where every pixel is there, what stands before the end mark makes no difference.
    """
    body = data.removesuffix(JPEG_END[:1])
    if not body.startswith(b"\xff\xd8") or data.endswith(JPEG_END):
        return None
    noise = b"\x55" * 64
    restarts = b"".join(bytes((0xFF, 0xD0 + n)) + noise for n in range(8))
    decoded = set()
    for padding in (b"", noise, b"\xaa" * 64, restarts):
        with Image.open(io.BytesIO(body + padding + JPEG_END), formats=["JPEG"]) as image:
            decoded.add(image.tobytes())
    return body + JPEG_END if len(decoded) == 1 else None
