"""Read images into float sRGB in [0, 1], `(1, 3, H, W)`, upright; resize them; write them atomically."""

import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

from nst.data import encoding
from nst.data.formats import own_formats
from nst.utils.files import write

Image.MAX_IMAGE_PIXELS = None  # `load` has its own limit, checked before anything is decoded
BAND = 256  # rows converted to 8 bits at a time, to save memory
SMALLEST_EDGE = 2  # pixels

DAMAGE = (
    *(OSError, SyntaxError, ValueError, LookupError, EOFError, MemoryError, OverflowError, TypeError, RuntimeError),
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow raises for damaged files, as found by fuzzing."""


class UnfitError(ValueError):
    """The file is intact, but its image is too large or too small."""


@dataclass(frozen=True)
class DecodedImage:
    """The pixels of an image file.

    Attributes:
        rgb: sRGB in [0, 1], (1, 3, H, W), float32.
        alpha: Opacity in [0, 1], (1, 1, H, W), or None for an opaque image.
    """

    rgb: Tensor
    alpha: Tensor | None = None


def load(path: Path, *, max_megapixels: float = 200.0) -> DecodedImage:
    """Read an image file: rotated upright (EXIF), converted to sRGB (ICC profile), with its alpha channel separate.

    Args:
        path: A file in any format that Pillow decodes itself.
        max_megapixels: Larger images are refused before they are decoded (10^6 pixels).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not an image, or it is damaged, too large, or less than 2 pixels wide or high.
    """
    if not path.is_file():
        raise FileNotFoundError(f"picture not found: {path}; give a file that exists")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, on metadata
            with Image.open(path, formats=own_formats()) as image:
                _check_size(image.size, path, max_megapixels)
                image.load()
                upright = ImageOps.exif_transpose(image)
                rgb, alpha = _split(upright)
    except UnfitError:
        raise
    except UnidentifiedImageError:
        kind = "empty" if path.stat().st_size == 0 else "not a picture that Pillow can read"
        raise ValueError(f"{path} is {kind}; give a PNG, JPEG, WebP, TIFF or similar file") from None
    except DAMAGE as error:
        raise ValueError(f"{path} is damaged or cut off ({error}); give a complete file") from None
    return DecodedImage(rgb=_tensor(rgb), alpha=None if alpha is None else _tensor(alpha[..., None]))


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder and its subfolders that have an image's extension, sorted."""
    extensions = set(Image.registered_extensions())
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in extensions and file.is_file())


def _check_size(size: tuple[int, int], path: Path, max_megapixels: float) -> None:
    width, height = size
    if width * height > max_megapixels * 1e6:
        raise UnfitError(
            f"{path} is {width} x {height} = {width * height / 1e6:.0f} megapixels, over the limit of "
            f"{max_megapixels:g}; give a smaller picture or raise max_megapixels="
        )
    if min(size) < SMALLEST_EDGE:
        raise UnfitError(f"{path} is {width} x {height} pixels; give a picture of at least 2 x 2")


def _split(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Return RGB in [0, 1], (H, W, 3), and alpha in [0, 1], (H, W), or None."""
    alpha = None
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        alpha = np.asarray(image.getchannel("A"), dtype=np.float32) / 255
        if alpha.min() == 1:
            alpha = None
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        grey = np.asarray(image, dtype=np.float64)
        top = 65535.0 if image.mode.startswith("I") or grey.max() > 255 else (255.0 if grey.max() > 1 else 1.0)
        grey = np.clip(grey / top, 0, 1)
        return np.repeat(grey[..., None], 3, axis=2).astype(np.float32), alpha
    rgb = np.array(_to_srgb(image), dtype=np.float32)
    rgb /= 255
    return rgb, alpha


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert to 8-bit sRGB, by the embedded ICC profile if it fits the image's mode."""
    profile = image.info.get("icc_profile")
    if profile and image.mode != "P":
        colours = image.convert({"LA": "L", "RGBA": "RGB"}.get(image.mode, image.mode))
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a broken profile, or one for another mode, is ignored, as image viewers do
        if converted is not None:
            return converted
    return image.convert("RGB")


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)[None], dtype=np.float32))


def size_of(image: Tensor) -> tuple[int, int]:
    """Return (height, width) in pixels of an image (..., H, W)."""
    return int(image.shape[-2]), int(image.shape[-1])


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample an image (N, C, H, W) to (height, width) by an anti-aliased bicubic filter, without overshoot.

    The result is clamped to the range of the input's values.
    """
    if size_of(image) == size:
        return image.clone()
    low, high = image.aminmax()
    return F.interpolate(image, size, mode="bicubic", antialias=True, align_corners=False).clamp_(low, high)


def fit(size: tuple[int, int], edge: float, *, by: str, upscale: bool = True, multiple: int = 1) -> tuple[int, int]:
    """Return the (height, width) to which a picture is resized so that one of its edges becomes `edge`.

    Args:
        size: (height, width), pixels.
        edge: Pixels.
        by: What becomes `edge`: the `longest` or `shortest` edge, the `height` or the `width`; or `square`: the picture
            is squashed to edge x edge.
        upscale: Whether the picture may grow.
        multiple: Both edges are rounded to multiples of this, and are never 0.

    Raises:
        ValueError: `by` is none of these.
    """
    measures = {"longest": max(size), "shortest": min(size), "height": size[0], "width": size[1]}
    if by == "square":
        return round(edge), round(edge)
    if by not in measures:
        raise ValueError(f"a picture can't be fitted by {by!r}; give {', '.join(measures)} or square")
    factor = edge / measures[by]
    if factor > 1 and not upscale:
        return size
    height, width = (max(multiple, multiple * round(length * factor / multiple)) for length in size)
    return height, width


def reduced(image: Tensor, edge: float, *, by: str = "longest") -> Tensor:
    """Return the image, made smaller if the edge that `by` names (see `fit`) is longer than `edge` pixels."""
    size = fit(size_of(image), edge, by=by, upscale=False)
    return image if size == size_of(image) else resize(image, size)


def crop_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Return the image without its last rows and columns, so that both edges are multiples of `multiple` pixels."""
    height, width = (length - length % multiple for length in size_of(image))
    return image[..., :height, :width]


def to_range(image: Tensor, how: str) -> Tensor:
    """Bring values into [0, 1]: `clip` clamps them, `stretch` maps [minimum, maximum] onto [0, 1].

    Source: `stretch` is how Stanford's CS231n course shows results.
    """
    if how == "stretch":
        return (image - image.min()) / (image.max() - image.min()).clamp_min(1e-12)
    if how != "clip":
        raise ValueError(f"output is {how!r}; give clip or stretch")
    low, high = image.aminmax()
    return image if low >= 0 and high <= 1 else image.clamp(0, 1)


def save(
    image: Tensor,
    path: Path,
    *,
    alpha: Tensor | None = None,
    text: dict[str, str] | None = None,
    quality: int = encoding.QUALITY,
) -> None:
    """Write an 8-bit image in the format of the path's extension, atomically: an older file is replaced at the end.

    Args:
        image: (1, 3, H, W); clamped to [0, 1] and rounded.
        path: The file.
        alpha: Opacity in [0, 1], (1, 1, H', W'), resampled to the image's size.
        text: PNG text fields to store with the pixels.
        quality: Of formats that lose detail, from 1 to 100.
    """
    if alpha is not None:
        image = torch.cat([image, resize(alpha.to(image), size_of(image))], dim=1)
    array = np.empty((*size_of(image), image.shape[1]), dtype=np.uint8)
    for top in range(0, len(array), BAND):
        part = image[0, :, top : top + BAND].detach().float().clamp(0, 1) * 255
        array[top : top + BAND] = part.round().byte().permute(1, 2, 0).cpu().numpy()
    write(path, encoding.encode(array, encoding.format_of(path), quality=quality, text=text))
