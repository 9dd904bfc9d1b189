"""Find the picture a configuration names: a file, a sample, one of our own, a painting from Commons."""

import hashlib
import math
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from PIL import Image

from nst.data.download import Download, DownloadError, fetch
from nst.utils.errors import nearest

COMMONS = "https://commons.wikimedia.org/wiki/Special:FilePath/"
WIDTH = 1280  # pixels; one of the widths that Wikimedia keeps ready

Origin = Literal["file", "sample", "asset", "cache", "download", "homage"]


@dataclass(frozen=True)
class Picture:
    """A picture by name; its values come from `conf/painting.yaml` and `conf/style`, or `conf/content`.

    Args:
        name: the word typed on the command line.
        path: the user's own picture; it wins over everything below.
        sample: a photograph inside scikit-image.
        asset: one of our own painted pictures.
        commons: file name on Wikimedia Commons.
        homage: the asset that stands in when Commons cannot be reached.
        title: what it is called.
        artist: who made it.
        year: when, as the museum writes it.
        collection: where it hangs.
        movement: school or period.
        credit: whom a photograph is owed to.
        weight: share in a mix, relative to the other styles.
        scale: stroke size, 1 = the picture at the size of the content.
        mask: grey picture of the content's shape that says where the style goes.

    Raises:
        ValueError: the weight or the scale is not a number in its range.
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

    def __post_init__(self) -> None:
        for field, lowest in (("weight", "0 or more"), ("scale", "more than 0")):
            value = getattr(self, field)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or value < 0 or (field == "scale" and value == 0):
                raise ValueError(f"style.{self.name}.{field} is {value!r}; give a number, {lowest}")


@dataclass(frozen=True)
class Found:
    """A picture that is there.

    Args:
        path: the file.
        origin: where it came from.
        warning: one line for the user if it is not what was wanted, else None.
        sha256: checksum of the file, hexadecimal.
    """

    path: Path
    origin: Origin
    warning: str | None
    sha256: str


def find(picture: Picture, download: Download) -> Found:
    """Find a picture: its path, else its sample or asset, else Commons (cached or fetched), else its homage.

    Args:
        picture: what is wanted.
        download: how to fetch, and where the cache is.

    Raises:
        FileNotFoundError: the path, sample or asset does not exist; the line names the nearest ones.
        ValueError: the picture names no source.
        DownloadError: Commons did not give the painting and it has no homage.
    """
    if picture.path is not None:
        return _found(_own(Path(picture.path).expanduser()), "file")
    if picture.sample is not None:
        return _found(sample(picture.sample), "sample")
    if picture.asset is not None:
        return _found(asset(picture.asset), "asset")
    if picture.commons is None:
        raise ValueError(f"picture {picture.name} has no path, sample, asset or commons; give it one of them")
    place = cached(picture.commons, download)
    if place.is_file():
        return _found(place, "cache")
    url = f"{COMMONS}{quote(picture.commons, safe='')}?width={WIDTH}"
    try:
        return _found(fetch(url, place, options=download, check=_decodes), "download")
    except DownloadError as error:
        why = f"{picture.name}: {error}"
        remedy = f"give style.{picture.name}.path=... or put the painting at {place}"
        if picture.homage is None:
            raise DownloadError(f"{why}; {remedy}") from error
        warning = f"{why}; our own {picture.homage} is used instead; to insist, {remedy}"
        return _found(asset(picture.homage), "homage", warning)


def cached(commons: str, download: Download) -> Path:
    """Give the place of a Commons file in the cache, where it may not be yet."""
    return download.folder / "paintings" / commons.replace("/", "_")


def asset(name: str) -> Path:
    """Give the file of one of our own painted pictures.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    return _inside(Path(str(files("nst"))) / "assets" / "styles", name, ("jpg",), "painted picture")


def sample(name: str) -> Path:
    """Give the file of a photograph inside scikit-image.

    Raises:
        FileNotFoundError: there is none of that name, or scikit-image is not installed.
    """
    try:
        folder = Path(str(files("skimage"))) / "data"
    except ModuleNotFoundError as error:
        line = f"sample {name} is inside scikit-image, which is not installed; pip install scikit-image"
        raise FileNotFoundError(line) from error
    return _inside(folder, name, ("png", "jpg"), "sample photograph")


def _inside(folder: Path, name: str, endings: tuple[str, ...], kind: str) -> Path:
    for ending in endings:
        if (place := folder / f"{name}.{ending}").is_file():
            return place
    names = [path.stem for ending in endings for path in folder.glob(f"*.{ending}")]
    raise FileNotFoundError(f"no {kind} {name!r}{_nearest(name, names)}")


def _own(path: Path) -> Path:
    """Give the user's file as an absolute path, or say what is near."""
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


def _decodes(path: Path) -> None:
    """Refuse a file that Pillow cannot read to its end."""
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"not a whole picture ({type(error).__name__})") from error


def _found(path: Path, origin: Origin, warning: str | None = None) -> Found:
    with path.open("rb") as file:
        return Found(path, origin, warning, hashlib.file_digest(file, "sha256").hexdigest())
