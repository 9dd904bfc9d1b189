"""Read images into float sRGB in [0, 1], `(1, 3, H, W)`, upright; resize them; write them atomically."""

import io
import struct
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from nst.data import decoding, deep_tiff, encoding, formats, transparency, video
from nst.data.decoding import FilePixels, UnfitError
from nst.utils.extras import missing_extra
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


@dataclass(frozen=True)
class DecodedImage:
    """The pixels of an image file.

    Attributes:
        rgb: sRGB in [0, 1], (1, 3, H, W), float32. What is transparent has the colours around it, not those that the
            file hides there.
        alpha: Opacity in [0, 1], (1, 1, H, W), or None for an opaque image.
        notes: One line for each thing that a user may not expect.
    """

    rgb: Tensor
    alpha: Tensor | None = None
    notes: tuple[str, ...] = ()


def load(path: Path, *, max_megapixels: float = 200.0) -> DecodedImage:
    """Read an image file: upright, in sRGB, with its opacity apart.

    Args:
        path: A file in any format that Pillow decodes itself, HEIC with the extra `heic`, or a TIFF of floats.
        max_megapixels: Larger images are refused before they are decoded (10^6 pixels).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not an image, or it is damaged, too large, less than 2 pixels wide or high, transparent
            everywhere, or has values that are no finite numbers.
    """
    if not path.is_file():
        raise FileNotFoundError(f"picture not found: {path}; give a file that exists")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, on metadata
            found = _pixels(path, max_megapixels)
    except UnfitError:
        raise
    except UnidentifiedImageError:
        raise ValueError(f"{path} is {_kind(path)}") from None
    except DAMAGE as error:
        raise ValueError(f"{path} is damaged or cut off ({error}); give a complete file") from None
    rgb, notes = _tensor(found.rgb), tuple(found.notes)
    if found.alpha is None:
        return DecodedImage(rgb, notes=notes)
    alpha = _tensor(found.alpha[..., None])
    if alpha.max() == 0:
        raise UnfitError(f"{path} is transparent everywhere; give a picture with something to see")
    return DecodedImage(transparency.fill(rgb, alpha), alpha, notes)


def _pixels(path: Path, max_megapixels: float) -> FilePixels:
    """Decode a file by Pillow, or where Pillow does not know it by tifffile; a JPEG may lack its end mark."""
    try:
        return _decoded(path, path, max_megapixels)
    except UnidentifiedImageError:
        if not deep_tiff.is_tiff(path):
            raise
        return _decoded_deep(path, max_megapixels)
    except OSError as error:
        if "truncated" not in str(error) or (mended := decoding.mended_jpeg(path.read_bytes())) is None:
            raise
        found = _decoded(io.BytesIO(mended), path, max_megapixels)
        found.notes.append(f"{path} lacks the end mark of a JPEG; every pixel is there")
        return found


def _decoded(source: Path | io.BytesIO, path: Path, max_megapixels: float) -> FilePixels:
    with Image.open(source, formats=formats.own_formats()) as image:
        _check_size(image.size, path, max_megapixels)
        stored: Any = image.tile[0].args if image.tile else ""
        image.load()
        raw = str(stored[0] if isinstance(stored, tuple) and stored else stored)
        return decoding.pixels(decoding.upright(image), path, raw)


def _decoded_deep(path: Path, max_megapixels: float) -> FilePixels:
    try:
        _check_size(deep_tiff.size(path), path, max_megapixels)
        return decoding.turned(*deep_tiff.read(path))
    except UnfitError:
        raise
    except Exception as error:  # tifffile raises what comes
        raise ValueError(" ".join(str(error).split())[:120]) from None


def _kind(path: Path) -> str:
    """Say what a file is that nothing can read, and what to do."""
    if path.stat().st_size == 0:
        return "empty; give a PNG, JPEG, WebP, TIFF or similar file"
    if video.is_video(path):
        return "a film; give method=film, or paint it with a network: nst stylize"
    if formats.is_heic(path) and not formats.register_heic():
        return f"a HEIC file; {missing_extra('heic')}, or give a JPEG"
    return "not a picture that Pillow can read; give a PNG, JPEG, WebP, TIFF or similar file"


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder and its subfolders that have an image's extension, sorted."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in formats.endings() and file.is_file())


def _check_size(size: tuple[int, int], path: Path, max_megapixels: float) -> None:
    width, height = size
    if width * height > max_megapixels * 1e6:
        raise UnfitError(
            f"{path} is {width} x {height} = {width * height / 1e6:.0f} megapixels, over the limit of "
            f"{max_megapixels:g}; give a smaller picture or raise max_megapixels="
        )
    if min(size) < SMALLEST_EDGE:
        raise UnfitError(f"{path} is {width} x {height} pixels; give a picture of at least 2 x 2")


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


def area(image: Tensor, size: Sequence[int]) -> Tensor:
    """Resample an image (N, C, H, W) to (height, width): a pixel is the mean of all that it covers in part or whole.

    It is adaptive average pooling, or two matrix products: Apple's GPU has the former for sizes that divide only, and
    CUDA adds its gradient in any order.
    """
    divides = not any(n % parts for n, parts in zip(size_of(image), size, strict=True))
    ordered = image.device.type == "cuda" and torch.are_deterministic_algorithms_enabled()
    if not ordered and (divides or image.device.type != "mps"):
        return F.adaptive_avg_pool2d(image, (size[0], size[1]))
    rows, columns = (_means(n, parts).to(image) for n, parts in zip(size_of(image), size, strict=True))
    return rows @ image @ columns.T


def _means(length: int, parts: int) -> Tensor:
    """The matrix (parts, length) that averages over parts as adaptive pooling does."""
    out = torch.zeros(parts, length)
    for i in range(parts):
        first, end = i * length // parts, -(-(i + 1) * length // parts)
        out[i, first:end] = 1 / (end - first)
    return out


def fit(
    size: tuple[int, int],
    edge: float,
    *,
    by: str,
    upscale: bool = True,
    multiple: int = 1,
    rounded: Callable[[float], int] = round,
) -> tuple[int, int]:
    """Return the (height, width) to which a picture is resized so that one of its edges becomes `edge`.

    Args:
        size: (height, width), pixels.
        edge: Pixels.
        by: What becomes `edge`: the `longest` or `shortest` edge, the `height` or the `width`; or `square`: the picture
            is squashed to edge x edge.
        upscale: Whether the picture may grow.
        multiple: Both edges are rounded to multiples of this, and are never 0.
        rounded: Makes whole numbers of both edges.

    Raises:
        ValueError: `by` is none of these.
    """
    measures = {"longest": max(size), "shortest": min(size), "height": size[0], "width": size[1]}
    if by == "square":
        return round(edge), round(edge)
    if by not in measures:
        raise ValueError(f"a picture can't be fitted by {by!r}; give {', '.join(measures)} or square")
    measure = measures[by]
    if edge > measure and not upscale:
        return size
    height, width = (max(multiple, multiple * rounded(length * edge / measure / multiple)) for length in size)
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
    write(
        path, encoding.encode(_integers(image, alpha, np.uint8), encoding.format_of(path), quality=quality, text=text)
    )


def save_deep(image: Tensor, path: Path, *, alpha: Tensor | None = None) -> None:
    """Write a TIFF of 16 bits a colour, atomically.

    Args:
        image: (1, 3, H, W); clamped to [0, 1] and rounded.
        path: The file.
        alpha: Opacity in [0, 1], (1, 1, H', W'), resampled to the image's size.
    """
    write(path, deep_tiff.encode(_integers(image, alpha, np.uint16)))


def _integers(image: Tensor, alpha: Tensor | None, kind: type[np.unsignedinteger[Any]]) -> np.ndarray:
    """Return an image as integers, (H, W, 3), or with opacity (H, W, 4); the largest stands for 1."""
    if alpha is not None:
        image = torch.cat([image, resize(alpha.to(image), size_of(image))], dim=1)
    array = np.empty((*size_of(image), image.shape[1]), dtype=kind)
    for top in range(0, len(array), BAND):
        part = image[0, :, top : top + BAND].detach().float().clamp(0, 1) * np.iinfo(kind).max
        array[top : top + BAND] = part.round().permute(1, 2, 0).cpu().numpy()
    return array
