"""Paint a picture, a folder of pictures or a video with a trained network."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from nst import kernels
from nst.data import color, image_io, video
from nst.inference import styles
from nst.inference.options import Options
from nst.inference.tiled import TiledNetwork
from nst.networks import io
from nst.utils.devices import fastest
from nst.utils.errors import one_line
from nst.utils.process import cores

STRIP = 256  # rows; Lab colours are computed for so many at a time, to save memory
WITH_ALPHA = (".png", ".webp", ".tif", ".tiff")
Show = Callable[[str, float], None]
"""Shows the name of a file and the fraction of the work that is done."""


def run(options: Options) -> int:
    """Paint what is asked for and return the exit code: 1 if a picture of a folder could not be painted."""
    torch.set_num_threads(options.threads or cores())
    painter = Painter(options)
    source = Path(options.content).expanduser()
    if not source.exists():
        raise FileNotFoundError(f"content={source} is no file and no folder; give a picture, a folder or a video")
    with kernels.keep_memory(options.keep_memory):
        return _paint_folder(painter, source) if source.is_dir() else _paint_single(painter, source)


class Painter:
    """A trained network with everything that the options say about its pictures.

    Args:
        options: What the user typed.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.device = torch.device(options.device or fastest())
        self.trained = io.load(Path(options.checkpoint).expanduser())
        self.requests = styles.parse(options.style, self.trained.styles)
        tile = {"auto": 0, "none": None}.get(str(options.tiles), options.tiles)
        assert not isinstance(tile, str)
        self.network = TiledNetwork(self.trained.network.to(self.device), tile, options.glance)

    def __call__(self, image: Tensor, progress: Callable[[float], None] = lambda done: None) -> Tensor:
        """Return the pictures of images (N, 3, H, W), both in [0, 1], at the size that is asked for."""
        options = self.options
        if options.size is not None:
            image = image_io.resize(image, image_io.fit(image_io.size_of(image), options.size, by="longest"))
        size = image_io.size_of(image)
        masks = styles.read_masks(options.masks, len(self.requests), size, options.max_megapixels)
        mix = styles.mix(self.trained, self.requests, strength=options.strength, masks=masks)
        out = self.network.stylize(image.to(self.device), mix.to(self.device), progress=progress).cpu()
        if not self.trained.network.accepts_any_style and options.strength < 1:
            out = torch.lerp(image, out, options.strength)
        regions = [mask for mask in masks if mask is not None]
        if regions:  # a single mask leaves the rest of the photograph as it is
            out = torch.lerp(image, out, torch.stack(regions).sum(0).clamp(0, 1))
        return _with_colours_of(image, out) if options.keep_color else out


def _with_colours_of(image: Tensor, picture: Tensor) -> Tensor:
    strips = zip(torch.split(picture, STRIP, 2), torch.split(image, STRIP, 2), strict=True)
    rows = [torch.cat([color.keep_luminance(p[None], i[None]) for p, i in zip(*pair, strict=True)]) for pair in strips]
    return torch.cat(rows, dim=2)


def _paint_file(painter: Painter, source: Path, target: Path, progress: Callable[[float], None]) -> None:
    extension = target.suffix.lower()
    if extension not in Image.registered_extensions():
        raise ValueError(f"output={target} has no ending of a picture; give .png, .jpg, .webp or similar")
    content = image_io.load(source, max_megapixels=painter.options.max_megapixels)
    target.parent.mkdir(parents=True, exist_ok=True)
    alpha = content.alpha if extension in WITH_ALPHA else None
    image_io.save(painter(content.rgb, progress), target.with_suffix(extension), alpha=alpha)


def _paint_single(painter: Painter, source: Path) -> int:
    options = painter.options
    with _progress_bar() as show:
        progress = lambda done: show(source.name, done)  # noqa: E731
        if video.is_video(source):
            target = _target(options.output, f"{source.stem}_stylized.mp4")
            video.convert(source, target, painter, batch=options.batch, progress=progress)
        else:
            target = _target(options.output, f"{source.stem}_stylized.png")
            _paint_file(painter, source, target, progress)
    print(f"picture: {target}")
    return 0


def _paint_folder(painter: Painter, source: Path) -> int:
    files = image_io.files_in(source)
    if not files:
        raise ValueError(f"content={source} holds no picture; give a folder of pictures")
    output = painter.options.output
    out = Path(output).expanduser() if output else Path(f"{source.name}_stylized")
    failures: list[str] = []
    with _progress_bar() as show:
        for number, file in enumerate(files):
            show(file.name, number / len(files))
            try:
                _paint_file(painter, file, _png_name(out / file.relative_to(source), files, file), lambda done: None)
            except (ValueError, OSError) as error:
                failures.append(one_line(error))
        show(source.name, 1.0)
    for line in failures:
        print(f"error: {line}", file=sys.stderr)
    tail = f"; {len(failures)} of {len(files)} could not be painted" if failures else ""
    print(f"{len(files) - len(failures)} pictures: {out}{tail}")
    return 1 if failures else 0


def _png_name(target: Path, files: Sequence[Path], file: Path) -> Path:
    """Return the PNG to write for a file: `a.png`, or `a.jpg.png` if its folder has another picture called `a`."""
    namesakes = sum(other.parent == file.parent and other.stem == file.stem for other in files)
    return target.with_name(f"{target.name if namesakes > 1 else target.stem}.png")


def _target(output: str | None, name: str) -> Path:
    """Return the file to write: `name`, or in the folder `output`, or `output` itself."""
    if output is None:
        return Path(name)
    path = Path(output).expanduser()
    target = path / name if path.is_dir() or not path.suffix else path
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


@contextmanager
def _progress_bar() -> Iterator[Show]:
    """Show a progress bar on standard error if that is a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda name, done: progress.update(task, description=name, completed=done)
