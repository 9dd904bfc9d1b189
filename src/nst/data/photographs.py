"""The images that networks are trained on: files, random crops, and an order that is a function of the step alone."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.distributed import get_rank, get_world_size, is_initialized
from torch.utils.data import Dataset, Sampler

from nst.data import image_io, library
from nst.utils.files import user_path

FULLY_CHECKED = 2000  # files; of a folder with more, only the headers are read before the training starts


@dataclass(frozen=True)
class TrainingImages:
    """The image files of a training.

    Attributes:
        paths: Readable image files, sorted.
        skipped: Files that can't be read -> the reason.
        styles: Images to learn styles from, in addition to the named styles; None for none.
    """

    paths: list[Path]
    skipped: dict[Path, str] = field(default_factory=dict)
    styles: "TrainingImages | None" = None

    def parted(self, count: int) -> tuple["TrainingImages", list[Path]]:
        """Return the images without some of them, and these: at most `count`, or a fifth of all, evenly spread."""
        count = min(count, len(self.paths) // 5)
        taken = [self.paths[i * len(self.paths) // count] for i in range(count)]
        return replace(self, paths=[path for path in self.paths if path not in taken]), taken

    def digest(self) -> str:
        """Return the SHA-256 of the files' names and sizes: the contents of many would take minutes to read."""
        told = "\n".join(f"{path.name} {path.stat().st_size}" for path in self.paths if path.is_file())
        return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()

    def warning(self) -> str | None:
        """Return one line that counts and names the skipped files, or None."""
        if not self.skipped:
            return None
        names = [str(path) for path in self.skipped]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return f"{len(names)} of {len(names) + len(self.paths)} pictures can't be read: {', '.join(names[:5])}{more}"


def folder(path: str | Path, *, max_megapixels: float = 200.0, styles: str | None = None) -> TrainingImages:
    """Return the images in a folder and its subfolders.

    Args:
        path: The folder.
        max_megapixels: Larger images are skipped, 10^6 pixels.
        styles: A folder of images to learn styles from (`adain`, `any_style`), in addition to the named styles.

    Raises:
        ValueError: There is no such folder, or no readable image in it.
    """
    path = user_path(path)
    if not path.is_dir():
        raise ValueError(f"{path} is no folder; give a folder of pictures")
    files = image_io.files_in(path)
    check = _decoding_error if len(files) <= FULLY_CHECKED else _header_error
    with ThreadPoolExecutor(8) as pool:
        reasons = list(pool.map(lambda file: check(file, max_megapixels), files))
    skipped = {file: reason for file, reason in zip(files, reasons, strict=True) if reason is not None}
    more = None if styles is None else folder(styles, max_megapixels=max_megapixels)
    found = TrainingImages([file for file in files if file not in skipped], skipped, more)
    if not found.paths:
        raise ValueError(f"{path} holds no readable picture ({len(skipped)} unreadable); give a folder of pictures")
    return found


def samples(names: Sequence[str], assets: Sequence[str], *, styles: str | None = None) -> TrainingImages:
    """Return photographs of scikit-image and style pictures bundled with nst.

    Args:
        names: Names of scikit-image's photographs.
        assets: Names of bundled style pictures.
        styles: As for `folder`.
    """
    paths = [*(library.sample(name) for name in names), *(library.asset(name) for name in assets)]
    return TrainingImages(paths, styles=None if styles is None else folder(styles))


def _decoding_error(path: Path, max_megapixels: float) -> str | None:
    try:
        image_io.load(path, max_megapixels=max_megapixels)
    except (ValueError, OSError) as error:
        return str(error)
    return None


def _header_error(path: Path, max_megapixels: float) -> str | None:
    try:
        with Image.open(path) as image:
            width, height = image.size
    except (OSError, SyntaxError, ValueError) as error:
        return str(error)
    return f"over {max_megapixels:g} megapixels" if width * height > max_megapixels * 1e6 else None


class RandomCrops(Dataset[Tensor]):
    """Random square crops of images, half of them flipped left to right; crop n is a function of n and the seed alone.

    Every image is used once per epoch, in an order drawn from the seed and the epoch.

    Args:
        images: The image files.
        crop: Edge of a crop, pixels.
        zoom: The shorter edge of an image becomes `crop` to `zoom` times `crop` pixels, unless it is smaller.
        cache: Size of the cache of decoded images, 10^6 bytes.
        seed: Of the order, the crops and the flips.
        repaint: Fraction of the crops whose colour channels are permuted: more styles from the same images.
        first: Edge of the crops with numbers below `until`, pixels; each shows as much of its image, but smaller.
        until: See `first`.
    """

    def __init__(
        self,
        images: TrainingImages,
        *,
        crop: int,
        zoom: float,
        cache: float,
        seed: int,
        repaint: float = 0.0,
        first: int = 0,
        until: int = 0,
    ) -> None:
        if crop < 8 or crop % 4:
            raise ValueError(f"data.crop is {crop}; give a multiple of 4, 8 or more, pixels")
        if zoom < 1:
            raise ValueError(f"data.zoom is {zoom:g}; give 1 or more")
        self.paths, self.crop, self.zoom, self.seed, self.repaint = images.paths, crop, zoom, seed, repaint
        self.first, self.until = first, until
        self.cache, self.cache_bytes = OrderedDict[Path, Tensor](), cache * 1e6

    def __getitem__(self, number: int) -> Tensor:
        """Return crop number n, (3, crop, crop) in [0, 1]."""
        epoch, index = divmod(number, len(self.paths))
        order = torch.randperm(len(self.paths), generator=_generator(self.seed, epoch, 0)).tolist()
        generator = _generator(self.seed, number, 1)
        image = self._readable(order[index])
        height, width = image_io.size_of(image)
        zoom = 1 + (self.zoom - 1) * torch.rand((), generator=generator).item()
        edge = min(height, width, max(1, round(min(height, width) / zoom)))
        top, left = (_below(length - edge + 1, generator) for length in (height, width))
        crop = image[None, :, top : top + edge, left : left + edge].float() / 255
        edge = self.first if number < self.until else self.crop
        crop = F.interpolate(crop, (edge,) * 2, mode="bilinear", antialias=True, align_corners=False)
        if torch.rand((), generator=generator) < 0.5:
            crop = crop.flip(-1)
        if torch.rand((), generator=generator) < self.repaint:
            crop = crop[:, torch.randperm(3, generator=generator)]
        return crop[0]

    def _readable(self, index: int) -> Tensor:
        """Return the image at an index, or the next readable one: files may disappear during a training."""
        for offset in range(len(self.paths)):
            path = self.paths[(index + offset) % len(self.paths)]
            try:
                return self._decoded(path)
            except (ValueError, OSError):
                continue
        raise ValueError("no picture of data.path= can be read any more")

    def _decoded(self, path: Path) -> Tensor:
        """Return an image (3, H, W) as bytes, from the cache if it is there; no larger than the crops need."""
        if path in self.cache:
            self.cache.move_to_end(path)
            return self.cache[path]
        image = image_io.reduced(image_io.load(path).rgb, self.crop * self.zoom, by="shortest")
        decoded = (image[0] * 255).round().byte()
        self.cache[path] = decoded
        while len(self.cache) > 1 and sum(one.numel() for one in self.cache.values()) > self.cache_bytes:
            self.cache.popitem(last=False)
        return decoded


class TrainingCrops(Dataset[tuple[int, Tensor, Tensor]]):
    """Example n of a training: the number n, a crop of a photograph, and a crop of a style where styles are images.

    Args:
        contents: Crops of photographs.
        styles: Crops of styles; None if the styles are fixed: then an empty tensor takes their place.
    """

    def __init__(self, contents: RandomCrops, styles: RandomCrops | None) -> None:
        self.contents, self.styles = contents, styles

    def __getitem__(self, number: int) -> tuple[int, Tensor, Tensor]:
        """Return example n."""
        return number, self.contents[number], torch.empty(0) if self.styles is None else self.styles[number]


class ResumableSampler(Sampler[int]):
    """Yields 0, 1, 2, ... endlessly, starting where a training stopped; each rank takes every world-size-th batch.

    Args:
        batch: Examples in one rank's batch.
        first: Batches that each rank has taken before.
    """

    def __init__(self, batch: int, first: int) -> None:
        self.batch, self.first = batch, first

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of this rank's examples."""
        world, rank = (get_world_size(), get_rank()) if is_initialized() else (1, 0)
        step = self.first
        while True:
            yield from range((step * world + rank) * self.batch, (step * world + rank + 1) * self.batch)
            step += 1


def _generator(seed: int, number: int, stream: int) -> torch.Generator:
    """Return a generator whose seed is a hash of all three."""
    return torch.Generator().manual_seed(((seed * 2 + stream) * 0x9E3779B97F4A7C15 + number) % 2**63)


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
