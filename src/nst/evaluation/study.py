"""What an evaluation compares: contents, styles, methods, and the networks that measure. Imports no torch."""

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from nst.data import formats, video
from nst.utils.files import sha256, user_path

SAMPLES = "samples"
"""The pictures that come with nst: photographs of scikit-image, painted styles of our own."""
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


class PictureSet(BaseModel):
    """Pictures, or films, by file: a folder, all of it or what a list names.

    Attributes:
        folder: Where they lie.
        names: Those that are used, in this order; empty: every picture and film in the folder.
        hashes: A file as `sha256sum` writes it, which names the pictures and fixes what is in them.
    """

    model_config = ConfigDict(extra="forbid")
    folder: Path
    names: list[str] = []
    hashes: Path | None = None

    def paths(self, *, films: bool = False) -> list[Path]:
        """Return the files, of a whole folder the films only where they are asked for.

        Raises:
            FileNotFoundError: The folder or one of the pictures is not there.
            ValueError: There is no picture, two have one stem, or one is not what the list says.
        """
        folder = user_path(self.folder)
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}; give the folder of the set's pictures")
        listed = _listed(user_path(self.hashes)) if self.hashes else {}
        names = self.names or list(listed)
        found = [folder / name for name in names] if names else _pictures(folder, films=films)
        for path in found:
            if not path.is_file():
                raise FileNotFoundError(f"no picture {path}, which the set names; give file names, such as tree.png")
            wanted = listed.get(path.name)
            if wanted and sha256(path) != wanted:
                raise ValueError(f"{path} is another picture than the set's: its SHA-256 is not {wanted}")
        stems = [path.stem for path in found]
        if twice := [stem for stem in stems if stems.count(stem) > 1]:
            raise ValueError(f"two pictures of {folder} are called {twice[0]}; a stem names a picture: rename one")
        if not found:
            raise ValueError(f"no picture in {folder}; give a folder of PNG, JPEG, WebP, TIFF, MP4 or similar files")
        return [path.absolute() for path in found]


def _pictures(folder: Path, *, films: bool) -> list[Path]:
    endings = formats.endings() | (video.EXTENSIONS if films else set())
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in endings and file.is_file())


def _listed(file: Path) -> dict[str, str]:
    """Name -> SHA-256."""
    rows = [line.split(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if bad := next((row for row in rows if len(row) != 2 or len(row[0]) != 64), None):
        raise ValueError(f"{file} has the line {' '.join(bad)!r}; give lines of sha256sum: a hash and a name")
    return {name.lstrip("* "): digest for digest, name in rows}


def _set_of(value: Any) -> Any:
    return {"folder": value} if isinstance(value, str | Path) else value


class Method(BaseModel):
    """How pictures come about: painted by nst, by a trained network, or by any other program.

    Attributes:
        overrides: What is typed for `nst`, word by word. A word with commas is a sweep, as `weights.style=0.3,1,3`: the
            method is then a curve of several settings.
        checkpoint: The `network.ckpt` for `nst stylize`; `{style}` in it is the style's stem, where each style has a
            network of its own. `options` are further words for it.
        options: See `checkpoint`; `style={style_path}` gives an AdaIN network the painting.
        pictures: A folder with `<content>_<style>.png` (or .jpg, .mp4 and others), or a CSV table with the columns
            `content`, `style`, `picture`, and where they are known `seconds`, `setting`.
        network: Name of the judge whose network the method optimised, where it is not read from the overrides.
    """

    model_config = ConfigDict(extra="forbid")
    overrides: list[str] | None = None
    checkpoint: str | None = None
    options: list[str] = []
    pictures: Path | None = None
    network: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Method":
        if sum(given is not None for given in (self.overrides, self.checkpoint, self.pictures)) != 1:
            raise ValueError("give one of overrides, checkpoint and pictures")
        return self


def _method_of(value: Any) -> Any:
    if isinstance(value, str):
        return {"overrides": value.split()}
    return {"overrides": value or []} if value is None or isinstance(value, list) else value


class Study(BaseModel):
    """An evaluation.

    Attributes:
        contents: The photographs: a folder, or `folder`, `names`, `hashes`; `samples`: those that come with nst.
        styles: The paintings, likewise.
        methods: Name -> method; a method that is a text or a list is its overrides.
        common: Words for every method that nst paints, such as `size=256` or `hydra/launcher=joblib`.
        judges: Name -> words that choose a network, `judge=` and `judge.network.` keys.
        size: Longest edge at which pictures are measured, pixels.
        fid: Checkpoint of an Inception v3 for FID, and for ArtFID.
        pairs: Stems of content and style; empty: every content with every style, which is what a sweep paints.
        votes: A CSV table of blind votes, as `vote.html` saves it: which figures agree with it?
        ratings: A CSV table with `content`, `style`, `method`, `rating` by people, as AST-IQAD has: likewise.
        resamples: Of the bootstrap.
    """

    model_config = ConfigDict(extra="forbid")
    contents: Annotated[PictureSet, BeforeValidator(_set_of)]
    styles: Annotated[PictureSet, BeforeValidator(_set_of)]
    methods: dict[str, Annotated[Method, BeforeValidator(_method_of)]] = Field(min_length=1)
    common: list[str] = []
    judges: dict[str, list[str]] = Field(
        default={"small_vgg19": ["judge=small_vgg19"], "squeezenet_embedded": ["judge=squeezenet_embedded"]},
        min_length=1,
    )
    size: int = Field(default=512, ge=64)
    fid: Path | None = None
    pairs: list[tuple[str, str]] = []
    votes: Path | None = None
    ratings: Path | None = None
    resamples: int = Field(default=2000, ge=100)

    def sets(self) -> tuple[list[Path], list[Path]]:
        """Return the files of the contents, films among them, and of the styles."""
        return self.contents.paths(films=True), self.styles.paths()

    def chosen(self) -> list[tuple[Path, Path]]:
        """Return the files of content and style of every pair.

        Raises:
            ValueError: A pair names a picture that is in neither set.
        """
        contents, styles = ({path.stem: path for path in of} for of in self.sets())
        for content, style in self.pairs:
            if content not in contents or style not in styles:
                raise ValueError(f"pairs has {content}, {style}, but the sets do not; give stems of their files")
        wanted = self.pairs or [(content, style) for content in contents for style in styles]
        return [(contents[content], styles[style]) for content, style in wanted]

    @model_validator(mode="after")
    def _sweeps_paint_every_pair(self) -> "Study":
        if self.pairs and (painted := [name for name, one in self.methods.items() if one.overrides is not None]):
            raise ValueError(
                f"pairs is for pictures that are there; {painted[0]} paints every content with every style"
            )
        return self

    def key(self) -> str:
        """Return what tells this way of measuring from others: figures of another one are measured anew."""
        said = repr((self.size, sorted(self.judges.items())))
        return hashlib.sha256(said.encode()).hexdigest()[:12]


def read(file: Path) -> Study:
    """Return what a YAML file asks for.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no YAML, or a value in it can't be used.
    """
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}; give a study, as nst evaluate --help shows one")
    try:
        fields = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(fields, dict):
        raise ValueError(f"{file} holds no keys; give contents, styles and methods")
    for kind, folder in (("contents", files("skimage") / "data"), ("styles", files("nst") / "assets/styles")):
        if fields.get(kind) == SAMPLES:
            fields[kind] = {"folder": str(folder)} | ({"names": list(PHOTOGRAPHS)} if kind == "contents" else {})
    try:
        return Study(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{file}: {place}: {first['msg']}, got {str(first['input'])[:80]!r}") from None
