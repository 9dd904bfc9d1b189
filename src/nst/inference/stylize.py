"""Paint a picture, a film, or a folder of them with a trained network."""

import dataclasses
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from nst import kernels
from nst.data import color, encoding, image_io, video
from nst.data import masks as data_masks
from nst.inference import outputs, styles
from nst.inference.films import FilmPainter
from nst.inference.options import Options
from nst.inference.outputs import Outputs
from nst.inference.tiled import TiledNetwork
from nst.networks import io
from nst.utils.devices import fastest, named
from nst.utils.errors import one_line
from nst.utils.files import sha256, user_path
from nst.utils.process import cores

log = logging.getLogger("nst")
STRIP = 256  # rows; Lab colours are computed for so many at a time, to save memory
PAUSE = 60.0  # seconds between two lines about the progress
NOT_ASKED = ("content", "output", "overwrite", "quality", "threads", "device", "keep_memory", "max_megapixels", "batch")
"""Options that change nothing in a film but its rounding."""
Show = Callable[[str, float], None]
"""Shows the name of a file and the fraction of the work that is done."""


@dataclass(frozen=True)
class Painted:
    """What has been painted.

    Attributes:
        paths: The files that were written.
        failures: One line for each file of a folder that could not be painted, and each film that is damaged.
        said: Lines for the user.
    """

    paths: list[Path]
    said: list[str]
    failures: list[str] = field(default_factory=list)


def run(options: Options) -> int:
    """Paint what is asked for, say so, and return the exit code: 1 if something could not be painted."""
    painted = paint(options)
    for line in painted.failures:
        print(f"error: {line}", file=sys.stderr)
    for line in painted.said:
        print(line)
    return 1 if painted.failures else 0


def paint(options: Options) -> Painted:
    """Paint what is asked for.

    Raises:
        ValueError: The options or the picture can't be used.
        OSError: A file can't be read or written.
    """
    torch.set_num_threads(options.threads or cores())
    source = user_path(options.content)
    if not source.exists():
        raise FileNotFoundError(f"content={source} is no file and no folder; give a picture, a folder or a video")
    kind = _paint_folder if source.is_dir() else _paint_single
    with kernels.keep_memory(options.keep_memory):
        return kind(options, source)


class Painter:
    """A trained network with everything that the options say about its pictures.

    Args:
        options: What the user typed.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.device = torch.device(named(options.device) if options.device else fastest())
        if options.checkpoint:
            self.trained = io.load(user_path(options.checkpoint))
        else:
            self.trained = styles.shipped(options.style, masked=options.masks is not None)
        self.requests = styles.parse(options.style, self.trained.styles)
        tile = {"auto": 0, "none": None}.get(str(options.tiles), options.tiles)
        assert not isinstance(tile, str)
        self.network = TiledNetwork(self.trained.network.to(self.device), tile, options.glance)

    @cached_property
    def codes(self) -> Tensor:
        """What the network takes of the styles, the same for every picture and frame."""
        return styles.encode(self.trained, self.requests)

    def size_of(self, image: Tensor) -> tuple[int, int]:
        """Return the (height, width) of an image's picture, pixels."""
        size, edge = image_io.size_of(image), self.options.size
        return size if edge is None else image_io.fit(size, edge, by="longest")

    def __call__(
        self, image: Tensor, progress: Callable[[float], None] = lambda done: None, *, opacity: Tensor | None = None
    ) -> Tensor:
        """Return the pictures of images (N, 3, H, W), both in [0, 1], at the size that is asked for.

        What is transparent, by the opacity (1, 1, H, W), has no say in how the rest is painted.
        """
        options, size = self.options, self.size_of(image)
        if options.size is not None:
            image = image_io.resize(image, size)
        height, width = (max(1, round(length / options.stroke)) for length in size)
        canvas = height, width  # on which strokes have their usual width
        masks = styles.read_masks(options.masks, len(self.requests), canvas, options.max_megapixels)
        mix = styles.mix(self.trained, self.requests, strength=options.strength, masks=masks, codes=self.codes)
        seen = image_io.resize(image, canvas)
        visible = None if opacity is None else image_io.area(opacity, canvas)
        out = self.network.stylize(seen.to(self.device), mix.to(self.device), opacity=visible, progress=progress).cpu()
        out = image_io.resize(out, size).clamp(0, 1)
        if not self.trained.network.takes_strength and options.strength < 1:
            out = torch.lerp(image, out, options.strength)
        regions = [data_masks.resize(mask, size) for mask in masks if mask is not None]
        if regions:  # a single mask leaves the rest of the photograph as it is
            out = torch.lerp(image, out, torch.stack(regions).sum(0).clamp(0, 1))
        return _with_colours_of(image, out) if options.keep_color else out


def _with_colours_of(image: Tensor, picture: Tensor) -> Tensor:
    strips = zip(torch.split(picture, STRIP, 2), torch.split(image, STRIP, 2), strict=True)
    rows = [torch.cat([color.keep_luminance(p[None], i[None]) for p, i in zip(*pair, strict=True)]) for pair in strips]
    return torch.cat(rows, dim=2)


def _paint_file(painter: Painter, source: Path, target: Path, progress: Callable[[float], None]) -> None:
    options = painter.options
    content = image_io.load(source, max_megapixels=options.max_megapixels)
    for note in content.notes:
        print(f"warning: {note}")
    encoding.check(target, painter.size_of(content.rgb))
    alpha = content.alpha if encoding.holds_alpha(target) else None
    if content.alpha is not None and alpha is None:
        print(f"{target.name} can't hold the transparency of {source.name}; a .png can")
    picture = painter(content.rgb, progress, opacity=content.alpha)
    image_io.save(picture, target, alpha=alpha, text=outputs.mark(), quality=options.quality)


def _paint_film(painter: Painter, source: Path, target: Path, progress: Callable[[float], None]) -> str | None:
    """Paint a film; return one line if it is damaged."""
    files = [path for path in _read_by(painter.options) if path.is_file()]
    asked = {key: value for key, value in dataclasses.asdict(painter.options).items() if key not in NOT_ASKED}
    film_painter = FilmPainter(painter, painter.trained.network, painter.options.batch, painter.options.steady)
    return film_painter.paint(
        source,
        target,
        asked={**asked, "files": [sha256(path) for path in files]},
        comment=outputs.mark()["Software"],
        progress=progress,
    )


def _paint_any(painter: Painter, source: Path, target: Path, progress: Callable[[float], None]) -> str | None:
    if video.is_video(source):
        return _paint_film(painter, source, target, progress)
    _paint_file(painter, source, target, progress)
    return None


def _paint_single(options: Options, source: Path) -> Painted:
    wanted = outputs.single(source, options.output)
    painter = Painter(options)
    names = Outputs([source, *_read_by(options)], overwrite=options.overwrite)
    target = names.free(wanted)
    with _progress_bar() as show:
        damage = _paint_any(painter, source, target, lambda done: show(source.name, done))
    return Painted([target], [*_short(names.remarks), f"picture: {target}"], [damage] if damage else [])


def _paint_folder(options: Options, source: Path) -> Painted:
    out = user_path(options.output) if options.output else Path(f"{source.resolve().name}_stylized")
    files, left_out = outputs.sources_in(source, out)
    if not files:
        raise ValueError(f"content={source} holds no picture and no film; give a folder of them")
    painter = Painter(options)
    names = Outputs([*outputs.files_in(source), *_read_by(options)], overwrite=options.overwrite)
    targets = [names.free(wanted) for wanted in outputs.names_in(files, source, out)]
    failures: list[str] = []
    paths: list[Path] = []
    with _progress_bar() as show:
        for number, (file, target) in enumerate(zip(files, targets, strict=True)):
            progress = _part_of(show, file.name, number, len(files))
            progress(0.0)
            try:
                damage = _paint_any(painter, file, target, progress)
            except (ValueError, OSError) as error:
                failures.append(one_line(error))
            else:
                paths.append(target)
                failures += [damage] if damage else []
        show(source.name, 1.0)
    unpainted = len(files) - len(paths)
    tail = f"; {unpainted} of {len(files)} could not be painted" if unpainted else ""
    kind = "files" if any(video.is_video(file) for file in files) else "pictures"
    said = [*_short([*left_out, *names.remarks]), f"{len(paths)} {kind}: {out}{tail}"]
    return Painted(paths, said, failures)


def _part_of(show: Show, name: str, number: int, count: int) -> Callable[[float], None]:
    """Return what shows the progress of one file of several."""
    return lambda done: show(name, (number + done) / count)


def _read_by(options: Options) -> list[Path]:
    """Return the files that are read besides the content."""
    words = [word for words in (options.style, options.masks) if words for word in words.split(",")]
    files = [word.strip() for word in words] + [word.strip().rpartition(":")[0] for word in words]
    return [user_path(name) for name in (options.checkpoint, *files) if name]


def _short(lines: list[str], most: int = 5) -> list[str]:
    return [*lines[:most], *([f"... and {len(lines) - most} more"] if len(lines) > most else [])]


@contextmanager
def _progress_bar() -> Iterator[Show]:
    """Show a progress bar on standard error if that is a terminal; else a line a minute."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda name, done: progress.update(task, description=name, completed=done)


class _Lines:
    """Says on standard error once a minute how much is done, and how long the rest will take."""

    def __init__(self) -> None:
        self.began = self.said = time.monotonic()
        self.first: float | None = None

    def __call__(self, name: str, done: float) -> None:
        now = time.monotonic()
        if self.first is None:
            self.began, self.first = now, done
        if now - self.said < PAUSE or done <= self.first:
            return
        left = (now - self.began) * (1 - done) / (done - self.first)
        print(f"{name}: {done:.0%}, {left / 60:.0f} min left", file=sys.stderr, flush=True)
        self.said = now
