"""Photographs to learn from: a folder, or the samples that need no download; the order is a function of the step."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.distributed import get_rank, get_world_size, is_initialized
from torch.utils.data import Dataset, Sampler

from nst.data import image_io, library

WHOLE = 2000  # files; so many are decoded before a training begins, of a larger folder only the headers are read


@dataclass(frozen=True)
class Photographs:
    """Where pictures to learn from are.

    Attributes:
        paths: Readable picture files, sorted.
        skipped: Files that can't be read, each with its reason.
        styles: Pictures to learn styles from, besides the named ones; None for none.
    """

    paths: list[Path]
    skipped: dict[Path, str] = field(default_factory=dict)
    styles: "Photographs | None" = None

    def warning(self) -> str | None:
        """Count and name the skipped files in one line, or None."""
        if not self.skipped:
            return None
        names = [str(path) for path in self.skipped]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return f"{len(names)} of {len(names) + len(self.paths)} pictures can't be read: {', '.join(names[:5])}{more}"


def folder(path: str | Path, *, max_megapixels: float = 200.0, styles: str | None = None) -> Photographs:
    """Find the pictures of a folder and of those inside it, by their endings.

    Args:
        path: The folder.
        max_megapixels: Larger pictures are skipped, 10^6 pixels.
        styles: A folder of pictures to learn styles from (method=adain), besides the named ones.

    Raises:
        ValueError: There is no folder, or no readable picture in it.
    """
    path = Path(path).expanduser()  # a configuration holds text
    if not path.is_dir():
        raise ValueError(f"{path} is no folder; give a folder of pictures")
    endings = set(Image.registered_extensions())
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in endings and file.is_file())
    check = _decodes if len(files) <= WHOLE else _opens
    with ThreadPoolExecutor(8) as pool:
        reasons = list(pool.map(lambda file: check(file, max_megapixels), files))
    skipped = {file: reason for file, reason in zip(files, reasons, strict=True) if reason is not None}
    more = None if styles is None else folder(styles, max_megapixels=max_megapixels)
    found = Photographs([file for file in files if file not in skipped], skipped, more)
    if not found.paths:
        raise ValueError(f"{path} holds no readable picture ({len(skipped)} unreadable); give a folder of pictures")
    return found


def samples(names: Sequence[str], assets: Sequence[str], *, styles: str | None = None) -> Photographs:
    """Give photographs that come with scikit-image, and pictures that come with this package.

    Args:
        names: Of scikit-image's files.
        assets: Of our own painted pictures.
        styles: As for `folder`.
    """
    paths = [*(library.sample(name) for name in names), *(library.asset(name) for name in assets)]
    return Photographs(paths, styles=None if styles is None else folder(styles))


def _decodes(path: Path, max_megapixels: float) -> str | None:
    try:
        image_io.load(path, max_megapixels=max_megapixels)
    except (ValueError, OSError) as error:
        return str(error)
    return None


def _opens(path: Path, max_megapixels: float) -> str | None:
    try:
        with Image.open(path) as image:
            width, height = image.size
    except (OSError, SyntaxError, ValueError) as error:
        return str(error)
    return f"over {max_megapixels:g} megapixels" if width * height > max_megapixels * 1e6 else None


class Crops(Dataset[Tensor]):
    """Random square cuts of pictures, turned left to right half of the time; number n is always the same one.

    Every picture has its turn once in each round, in an order drawn from the seed and the round.

    Args:
        photographs: Where they are.
        crop: Edge of a cut, pixels.
        zoom: A picture's shorter edge becomes `crop` to `zoom` times `crop` (but for smaller pictures).
        cache: Decoded pictures that are kept, 10^6 bytes.
        seed: Of order, cuts and turns.
        repaint: Share of the cuts whose three colours change places: more styles from the same pictures.
    """

    def __init__(
        self,
        photographs: Photographs,
        *,
        crop: int,
        zoom: float,
        cache: float,
        seed: int,
        repaint: float = 0.0,
    ) -> None:
        if crop < 8 or crop % 4:
            raise ValueError(f"data.crop is {crop}; give a multiple of 4, 8 or more, pixels")
        if zoom < 1:
            raise ValueError(f"data.zoom is {zoom:g}; give 1 or more")
        self.paths, self.crop, self.zoom, self.seed, self.repaint = photographs.paths, crop, zoom, seed, repaint
        self.cache, self.room = OrderedDict[Path, Tensor](), cache * 1e6

    def __getitem__(self, number: int) -> Tensor:
        """Return cut number n, (3, crop, crop) in [0, 1]."""
        turn, place = divmod(number, len(self.paths))
        order = torch.randperm(len(self.paths), generator=_generator(self.seed, turn, 0)).tolist()
        generator = _generator(self.seed, number, 1)
        picture = self._readable(order[place])
        height, width = image_io.size_of(picture)
        zoom = 1 + (self.zoom - 1) * torch.rand((), generator=generator).item()
        edge = min(height, width, max(1, round(min(height, width) / zoom)))
        top, left = (_below(length - edge + 1, generator) for length in (height, width))
        cut = picture[None, :, top : top + edge, left : left + edge].float() / 255
        cut = F.interpolate(cut, (self.crop,) * 2, mode="bilinear", antialias=True, align_corners=False)
        if torch.rand((), generator=generator) < 0.5:
            cut = cut.flip(-1)
        if torch.rand((), generator=generator) < self.repaint:
            cut = cut[:, torch.randperm(3, generator=generator)]
        return cut[0]

    def _readable(self, place: int) -> Tensor:
        """The picture at a place, or the next one that can be read: a file may break while a training runs."""
        for after in range(len(self.paths)):
            path = self.paths[(place + after) % len(self.paths)]
            try:
                return self._decoded(path)
            except (ValueError, OSError):
                continue
        raise ValueError("no picture of data.path= can be read any more")

    def _decoded(self, path: Path) -> Tensor:
        """A picture (3, H, W) as bytes, from the cache if it is there; no larger than the cuts can use."""
        if path in self.cache:
            self.cache.move_to_end(path)
            return self.cache[path]
        image = image_io.load(path).rgb
        height, width = image_io.size_of(image)
        scale = self.crop * self.zoom / min(height, width)
        if scale < 1:
            image = image_io.resize(image, (max(1, round(height * scale)), max(1, round(width * scale))))
        picture = (image[0] * 255).round().byte()
        self.cache[path] = picture
        while len(self.cache) > 1 and sum(one.numel() for one in self.cache.values()) > self.room:
            self.cache.popitem(last=False)
        return picture


class Lessons(Dataset[tuple[int, Tensor, Tensor]]):
    """Lesson n: its number, a cut of a photograph and, where styles are learned from pictures, one of a style.

    Args:
        contents: Cuts of photographs.
        styles: Cuts of styles; None for none (an empty tensor).
    """

    def __init__(self, contents: Crops, styles: Crops | None) -> None:
        self.contents, self.styles = contents, styles

    def __getitem__(self, number: int) -> tuple[int, Tensor, Tensor]:
        """Return lesson n."""
        return number, self.contents[number], torch.empty(0) if self.styles is None else self.styles[number]


class Order(Sampler[int]):
    """The numbers 0, 1, 2, ... without an end, begun where a training stopped; each rank takes its share of a batch.

    Args:
        batch: Pictures of one rank's batch.
        first: Batches that were taken before.
    """

    def __init__(self, batch: int, first: int) -> None:
        self.batch, self.first = batch, first

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of this rank."""
        world, rank = (get_world_size(), get_rank()) if is_initialized() else (1, 0)
        step = self.first
        while True:
            yield from range((step * world + rank) * self.batch, (step * world + rank + 1) * self.batch)
            step += 1


def _generator(seed: int, number: int, stream: int) -> torch.Generator:
    """A generator that depends on all three: counters far apart, stirred by torch's own seeding."""
    return torch.Generator().manual_seed(((seed * 2 + stream) * 0x9E3779B97F4A7C15 + number) % 2**63)


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
