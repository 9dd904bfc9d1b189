"""A trained network on new pictures: a file, a folder, a video."""

import inspect
import sys
import typing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from nst import kernels
from nst.data import color, image_io, video
from nst.inference import styles
from nst.inference.tiled import Stylist
from nst.networks import Adain, io
from nst.utils import typecheck
from nst.utils.devices import fastest
from nst.utils.errors import nearest, one_line
from nst.utils.process import cores

STRIP = 256  # rows; Lab colours are turned so many at a time, for memory


class Stylize:
    """What is asked for, and the network that does it.

    Args:
        checkpoint: A `network.ckpt`; it says which method it is.
        content: A picture, a folder of pictures, or a video (extra `video`).
        output: A file or a folder to write to; null: beside the working folder, named after the content.
        style: `name:weight,name:weight` of the checkpoint's styles, and for adain picture files; null: the first.
        strength: 0: the photograph (adain: its reconstruction), 1: the style.
        masks: adain: grey picture files, one for each style, `null` for the rest.
        keep_color: Take the painting's lightness and the photograph's colours.
        size: Longest edge to paint at, pixels; null: the picture's own.
        tiles: `auto`: whole up to a megapixel, then windows; `none`: whole; or a window's longest edge, pixels.
        glance: A picture over a megapixel is reduced to this edge, squared, before the norms take its moments.
        batch: Frames of a video that are painted at once.
        threads: null: all cores.
        device: `cpu`, `cuda`, `mps`; null: the fastest.
        keep_memory: Freed memory stays with the process for the next picture or window: faster, no value changes.
        max_megapixels: Larger pictures are refused, 10^6 pixels.
    """

    def __init__(
        self,
        *,
        checkpoint: str,
        content: str,
        output: str | None = None,
        style: str | None = None,
        strength: float = 1.0,
        masks: str | None = None,
        keep_color: bool = False,
        size: int | None = None,
        tiles: str | int = "auto",
        glance: int = 720,
        batch: int = 1,
        threads: int | None = None,
        device: str | None = None,
        keep_memory: bool = True,
        max_megapixels: float = 200.0,
    ) -> None:
        if not 0 <= strength <= 1:
            raise ValueError(f"strength is {strength:g}; give a number from 0 to 1")
        for name, value, least in (
            ("size", size, 8),
            ("glance", glance, 64),
            ("batch", batch, 1),
            ("threads", threads, 1),
        ):
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; give {least} or more")
        torch.set_num_threads(threads or cores())
        self.device = torch.device(device or fastest())
        self.trained = io.load(Path(checkpoint).expanduser())
        self.asked = styles.wishes(style, self.trained)
        self.strength, self.masks, self.keep_color = strength, masks, keep_color
        self.size, self.batch, self.max_megapixels = size, batch, max_megapixels
        self.stylist = Stylist(self.trained.network.to(self.device), _tile(tiles), glance)
        self.source = Path(content).expanduser()
        self.output, self.keep_memory = output, keep_memory

    def paint(self, image: Tensor, done: Any = lambda share: None) -> Tensor:
        """Paint pictures (N, 3, H, W) in [0, 1]; the result has the size that is asked for."""
        if self.size is not None:
            image = image_io.resize(image, image_io.fit(image_io.size_of(image), self.size, by="longest"))
        adain = isinstance(self.trained.network, Adain)
        masks = styles.read_masks(self.masks, len(self.asked), image_io.size_of(image), self.max_megapixels)
        tell = styles.tell(self.trained, self.asked, strength=self.strength, masks=masks)
        told = lambda size: _moved(tell(size), self.device)  # noqa: E731
        out = self.stylist.paint(image.to(self.device), told, done=done).cpu()
        if not adain and self.strength < 1:
            out = torch.lerp(image, out, self.strength)
        if masks[0] is not None:  # a single region: outside nothing is painted
            covered = torch.stack([mask for mask in masks if mask is not None]).sum(0).clamp(0, 1)
            out = torch.lerp(image, out, covered)
        return _coloured(out, image) if self.keep_color else out

    def run(self) -> int:
        """Paint all that is asked for and return the exit code: 1 where a picture of a folder could not be painted."""
        with kernels.keep_memory(self.keep_memory):
            return self._folder() if self.source.is_dir() else self._single()

    def _single(self) -> int:
        if not self.source.is_file():
            raise FileNotFoundError(
                f"content={self.source} is no file and no folder; give a picture, a folder or a video"
            )
        if video.is_video(self.source):
            target = self._target(f"{self.source.stem}_stylized.mp4")
            with _bar() as show:
                progress = lambda share: show(self.source.name, share)  # noqa: E731
                video.convert(self.source, target, self.paint, batch=self.batch, progress=progress)
        else:
            target = self._target(f"{self.source.stem}_stylized.png")
            with _bar() as show:
                self._file(self.source, target, lambda share: show(self.source.name, share))
        print(f"picture: {target}")
        return 0

    def _target(self, name: str) -> Path:
        if self.output is None:
            return Path(name)
        path = Path(self.output).expanduser()
        target = path / name if path.is_dir() or not path.suffix else path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _file(self, source: Path, target: Path, done: Any = lambda share: None) -> None:
        if target.suffix.lower() not in Image.registered_extensions():
            raise ValueError(f"output={target} has no ending of a picture; give .png, .jpg, .webp or similar")
        picture = image_io.load(source, max_megapixels=self.max_megapixels)
        target.parent.mkdir(parents=True, exist_ok=True)
        alpha = picture.alpha if target.suffix.lower() in (".png", ".webp", ".tif", ".tiff") else None
        image_io.save(self.paint(picture.rgb, done), target.with_suffix(target.suffix.lower()), alpha=alpha)

    def _folder(self) -> int:
        files = image_io.files_in(self.source)
        if not files:
            raise ValueError(f"content={self.source} holds no picture; give a folder of pictures")
        out = Path(self.output).expanduser() if self.output else Path(f"{self.source.name}_stylized")
        broken: list[str] = []
        with _bar() as show:
            for number, file in enumerate(files):
                show(file.name, number / len(files))
                try:
                    self._file(file, _beside(out / file.relative_to(self.source), files, file))
                except (ValueError, OSError) as error:
                    broken.append(one_line(error))
            show(self.source.name, 1.0)
        for line in broken:
            print(f"error: {line}", file=sys.stderr)
        tail = f"; {len(broken)} of {len(files)} could not be painted" if broken else ""
        print(f"{len(files) - len(broken)} pictures: {out}{tail}")
        return 1 if broken else 0


def _beside(target: Path, files: Sequence[Path], file: Path) -> Path:
    """A name of its own for each: `a.jpg` and `a.png` of one folder both become PNG."""
    twins = sum(other.parent == file.parent and other.stem == file.stem for other in files)
    return target.with_name(f"{target.name if twins > 1 else target.stem}.png")


def parse(arguments: Sequence[str]) -> dict[str, Any]:
    """Read `key=value ...`; a value is taken as it stands, so file names need no quotes.

    Raises:
        ValueError: A key is unknown, missing or there twice, or a value is of a wrong kind.
    """
    kinds = typing.get_type_hints(Stylize.__init__)
    kinds.pop("return")
    out: dict[str, Any] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise ValueError(f"can't read {argument!r}; give key=value, such as content=photo.jpg")
        if key not in kinds:
            raise ValueError(f"there is no option {key}; nearest: {', '.join(nearest(key, kinds))}")
        if key in out:
            raise ValueError(f"{key}= is there twice; give it once")
        out[key] = _value(value, kinds[key])
        typecheck.check_value(key, out[key], kinds[key])
    for name, parameter in inspect.signature(Stylize).parameters.items():
        if parameter.default is parameter.empty and name not in out:
            raise ValueError(f"{name}= is missing: python stylize.py checkpoint=network.ckpt content=photo.jpg")
    return out


def _value(text: str, kind: Any) -> Any:
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


def _tile(words: str | int) -> int | None:
    if words in ("auto", "none"):
        return 0 if words == "auto" else None
    if isinstance(words, int) and words >= 16 and words % 4 == 0:
        return words
    raise ValueError(f"tiles is {words!r}; give auto, none, or a window's edge in pixels, a multiple of 4, 16 or more")


def _moved(told: Any, device: torch.device) -> Any:
    if isinstance(told, Tensor):
        return told.to(device)
    return type(told)(told.means.to(device), told.deviations.to(device), told.weights.to(device), told.strength)


def _coloured(picture: Tensor, image: Tensor) -> Tensor:
    strips = zip(torch.split(picture, STRIP, 2), torch.split(image, STRIP, 2), strict=True)
    rows = [torch.cat([color.keep_luminance(p[None], i[None]) for p, i in zip(*pair, strict=True)]) for pair in strips]
    return torch.cat(rows, dim=2)


@contextmanager
def _bar() -> Iterator[Any]:
    """A progress bar on the terminal's error stream; `show(name, share)`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda name, share: progress.update(task, description=name, completed=share)
