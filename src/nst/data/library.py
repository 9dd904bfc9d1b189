"""Find the image that a configuration names: a file, a sample photograph, a bundled style, a painting from Commons."""

import math
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from PIL import Image

from nst.data.download import Download, DownloadError, fetch
from nst.utils.errors import nearest
from nst.utils.files import sha256, user_path

COMMONS = "https://commons.wikimedia.org/wiki/Special:FilePath/"
WIDTH = 1280  # pixels; one of the standard thumbnail widths of Wikimedia

Origin = Literal["file", "sample", "asset", "cache", "download", "homage"]


@dataclass(frozen=True)
class ImageSource:
    """Where an image comes from, as `conf/painting.yaml` and `conf/style`, or `conf/content`, say.

    Args:
        name: The option chosen on the command line.
        path: The user's own file; it overrides all sources below.
        sample: A photograph in scikit-image.
        asset: A style picture bundled with nst.
        commons: File name on Wikimedia Commons.
        homage: The asset used instead if the painting can't be fetched from Commons.
        title: Title of the work.
        artist: Who made it.
        year: When, as the museum writes it.
        collection: The museum that owns it.
        movement: School or period.
        credit: The photographer.
        weight: Weight of the style relative to the others.
        scale: Stroke size; 1 = the style at the size of the content.
        mask: Grey image of the content's shape, white where the style goes.

    Raises:
        ValueError: The weight or the scale is not a number in its range.
    """

    name: str
    path: str | Path | None = None
    sample: str | None = None
    asset: str | None = None
    commons: str | None = None
    homage: str | None = None
    title: str = ""
    artist: str = ""
    year: str = ""
    collection: str = ""
    movement: str = ""
    credit: str = ""
    weight: float = 1.0
    scale: float = 1.0
    mask: str | Path | None = None

    @property
    def used(self) -> str:
        """What is used: the user's own file as it was typed, or the option's name."""
        return self.name if self.path is None else str(self.path)

    @property
    def short(self) -> str:
        """The same as one word: the stem of the user's own file, or the option's name."""
        return self.name if self.path is None or self.name == str(self.path) else Path(self.path).stem

    def __post_init__(self) -> None:
        for field, lowest in (("weight", "0 or more"), ("scale", "more than 0")):
            value = getattr(self, field)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or value < 0 or (field == "scale" and value == 0):
                raise ValueError(f"style.{self.name}.{field} is {value!r}; give a number, {lowest}")


@dataclass(frozen=True)
class ImageFile:
    """The file of an `ImageSource`.

    Attributes:
        path: The file.
        origin: Where it came from.
        warning: One line for the user if it is not the image that was asked for, else None.
        sha256: Checksum of the file, hexadecimal.
    """

    path: Path
    origin: Origin
    warning: str | None
    sha256: str


def find(source: ImageSource, download: Download) -> ImageFile:
    """Return a source's file: its path, else its sample, asset, painting (cached or fetched from Commons) or homage.

    Args:
        source: The image that is wanted.
        download: How to fetch, and where the cache is.

    Raises:
        FileNotFoundError: The path, sample or asset does not exist; the error names the nearest ones.
        ValueError: The source names no file, sample, asset or painting.
        DownloadError: The painting can't be fetched from Commons and has no homage.
    """
    if source.path is not None:
        return _image_file(_existing(user_path(source.path)), "file")
    if source.sample is not None:
        return _image_file(sample(source.sample), "sample")
    if source.asset is not None:
        return _image_file(asset(source.asset), "asset")
    if source.commons is None:
        raise ValueError(f"picture {source.name} has no path, sample, asset or commons; give it one of them")
    path = cached(source.commons, download)
    if path.is_file():
        return _image_file(path, "cache")
    url = f"{COMMONS}{quote(source.commons, safe='')}?width={WIDTH}"
    try:
        return _image_file(fetch(url, path, options=download, check=_check_complete), "download")
    except DownloadError as error:
        why = f"{source.name}: {error}"
        remedy = f"give style.{source.name}.path=... or put the painting at {path}"
        if source.homage is None:
            raise DownloadError(f"{why}; {remedy}") from error
        warning = f"{why}; our own {source.homage} is used instead; to have the painting, {remedy}"
        return _image_file(asset(source.homage), "homage", warning)


def cached(commons: str, download: Download) -> Path:
    """Return the path of a Commons file in the cache, whether it exists or not."""
    return download.folder / "paintings" / commons.replace("/", "_")


def asset(name: str) -> Path:
    """Return the path of a style picture bundled with nst.

    Raises:
        FileNotFoundError: There is none of that name.
    """
    return _inside(Path(str(files("nst"))) / "assets" / "styles", name, ("jpg",), "bundled style picture")


def sample(name: str) -> Path:
    """Return the path of a photograph in scikit-image.

    Raises:
        FileNotFoundError: There is none of that name, or scikit-image is not installed.
    """
    try:
        folder = Path(str(files("skimage"))) / "data"
    except ModuleNotFoundError as error:
        line = f"sample {name} is in scikit-image, which is not installed; pip install scikit-image"
        raise FileNotFoundError(line) from error
    return _inside(folder, name, ("png", "jpg"), "sample photograph")


def _inside(folder: Path, name: str, extensions: tuple[str, ...], kind: str) -> Path:
    for extension in extensions:
        if (path := folder / f"{name}.{extension}").is_file():
            return path
    names = [path.stem for extension in extensions for path in folder.glob(f"*.{extension}")]
    raise FileNotFoundError(f"no {kind} {name!r}{_nearest(name, names)}")


def _existing(path: Path) -> Path:
    """Return the user's file as an absolute path, or raise with the nearest names."""
    if path.is_file():
        return path.absolute()
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the path of one picture in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no picture {path}: there is no folder {path.parent.absolute()}")
    names = [other.name for other in path.parent.iterdir() if other.is_file()]
    raise FileNotFoundError(f"no picture {path.name} in {path.parent.absolute()}{_nearest(path.name, names)}")


def _nearest(name: str, names: list[str]) -> str:
    near = nearest(name, names)
    return f"; there is {', '.join(near)}" if near else "; there is none at all"


def _check_complete(path: Path) -> None:
    """Raise for a file that Pillow can't decode to its end."""
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"not a complete picture ({type(error).__name__})") from error


def _image_file(path: Path, origin: Origin, warning: str | None = None) -> ImageFile:
    return ImageFile(path, origin, warning, sha256(path))
