"""Where results go: names that replace nothing, in folders that can be written, checked before anything is painted."""

import itertools
import os
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from nst.data import encoding, film_writing, image_io, video
from nst.utils.files import explained, user_path
from nst.utils.versions import versions

MARK = "nst stylize"
"""How the field `Software` of a PNG and the comment of a film begin that this program painted."""


class Outputs:
    """Gives each result a name that no other file has.

    Args:
        sources: Files that are read, and never written to.
        overwrite: Whether an older file that is no source is replaced.

    Attributes:
        remarks: One line for each name that was taken.
    """

    def __init__(self, sources: Iterable[Path], *, overwrite: bool) -> None:
        self.sources = {_identity(source) for source in sources}
        self.overwrite = overwrite
        self.given: set[str] = set()
        self.remarks: list[str] = []

    def free(self, wanted: Path) -> Path:
        """Return the wanted file, or the first of `name_2`, `name_3` ... that is free; no later call returns it again.

        Raises:
            OSError: Its folder can't be made or written.
        """
        _check_writable(wanted)
        numbered = (wanted.with_name(f"{wanted.stem}_{n}{wanted.suffix}") for n in itertools.count(2))
        free = next(path for path in itertools.chain([wanted], numbered) if not self._is_taken(path))
        if free != wanted:
            remedy = "" if self.overwrite or self._is_source(wanted) else "; overwrite=true replaces it"
            self.remarks.append(f"{wanted} is there already: the result is {free.name}{remedy}")
        self.given.add(_folded(free))
        return free

    def _is_taken(self, path: Path) -> bool:
        exists = os.path.lexists(path) and (path.is_dir() or not self.overwrite)
        return exists or _folded(path) in self.given or self._is_source(path)

    def _is_source(self, path: Path) -> bool:
        return _identity(path) in self.sources


def single(source: Path, output: str | None) -> Path:
    """Return the file to write for a picture or a video: in the folder `output`, or `output` itself.

    Raises:
        ValueError: Its format can't be written.
    """
    film = video.is_video(source)
    name = f"{source.stem}_stylized{suffix_for(source)}"
    path = Path(name) if output is None else user_path(output)
    target = path / name if path.is_dir() or not path.suffix else path
    if not film:
        encoding.format_of(target)
    return target


def suffix_for(source: Path) -> str:
    """Return the extension of a result: a picture's is `.png`, a film's its own where that is a common one."""
    return film_writing.output_suffix(source) if video.is_video(source) else ".png"


def files_in(source: Path) -> list[Path]:
    """Return the pictures and films of a folder and its subfolders, sorted."""
    return sorted({*image_io.files_in(source), *video.videos_in(source)})


def sources_in(source: Path, out: Path) -> tuple[list[Path], list[str]]:
    """Return the pictures and films of a folder that are to be painted, and a line about those that are left out.

    What lies in a results folder inside the source folder is left out, and so are this program's own results, unless
    the folder holds nothing else.

    Args:
        source: The folder.
        out: Where its results go.
    """
    files = files_in(source)
    inside = out.resolve() if out.resolve() != source.resolve() else None
    others = [file for file in files if inside is None or inside not in file.resolve().parents]
    originals = [file for file in others if not is_result(file)]
    chosen = originals or others
    left = len(files) - len(chosen)
    return chosen, [f"{left} of {len(files)} pictures in {source} are results of stylize.py: left out"] if left else []


def names_in(files: Sequence[Path], source: Path, out: Path) -> list[Path]:
    """Return the file that is wanted for each one of a folder: `a.png`, or `a.jpg.png` beside another picture `a`.

    Args:
        files: The pictures and films.
        source: Their folder.
        out: Where the results go; where that is the same folder, they are called `a_stylized.png`.
    """
    stems = [_folded(file.with_suffix("")) for file in files]
    ending = "_stylized" if out.resolve() == source.resolve() else ""
    names = [
        f"{file.name if stems.count(stem) > 1 else file.stem}{ending}{suffix_for(file)}"
        for file, stem in zip(files, stems, strict=True)
    ]
    return [out / file.relative_to(source).with_name(name) for file, name in zip(files, names, strict=True)]


def mark() -> dict[str, str]:
    """Return the text field by which a result is known as one."""
    return {"Software": f"{MARK} {versions()['nst']}"}


def is_result(file: Path) -> bool:
    """Return whether a file is a PNG or a film that this program painted."""
    if video.is_video(file):
        return film_writing.comment_of(file).startswith(MARK)
    if file.suffix.lower() != ".png":
        return False
    try:
        with Image.open(file, formats=["PNG"]) as image:
            return str(image.info.get("Software", "")).startswith(MARK)
    except Exception:  # a damaged file: reading it says so
        return False


def _check_writable(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise explained(error, path) from None


def _folded(path: Path) -> str:
    """Return a path as file systems compare it that ignore case and the composition of accents."""
    return unicodedata.normalize("NFC", str(path.absolute())).casefold()


def _identity(path: Path) -> tuple[int, int] | str:
    """Return what tells a file from all others, however it is called."""
    try:
        found = path.stat()
    except OSError:
        return str(path.absolute())
    return (found.st_dev, found.st_ino) if found.st_ino else str(path.resolve())
