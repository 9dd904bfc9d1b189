"""Write files whole or not at all; where the cache is."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from platformdirs import user_cache_path

FULL = (errno.ENOSPC, errno.EDQUOT)


def write(path: Path, data: bytes | memoryview) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: See `replacing`.
    """
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that takes the place of `path` when it is whole: temporary name, flush, rename.

    Raises:
        OSError: The disk is full, or the folder is gone or can't be written; an older file of that name is kept.
    """
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _flush_folder(path.parent)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise _told(error, path) from error
        raise


def _told(error: OSError, path: Path) -> OSError:
    """The error in words that name the file and the remedy, of the same kind and number."""
    remedies = {
        errno.ENOSPC: "the disk is full; free some space",
        errno.EDQUOT: "your quota is used up; free some space",
        errno.EROFS: "the file system is read-only; give a folder that can be written",
        errno.EACCES: "there is no permission to; give a folder that can be written",
        errno.EPERM: "there is no permission to; give a folder that can be written",
        errno.ENOENT: f"the folder {path.parent} is gone",
    }
    told = type(error)(f"cannot write {path}: {remedies.get(error.errno or 0, error.strerror)}")
    told.errno = error.errno
    return told


def _flush_folder(folder: Path) -> None:
    """See the new name on the disk, too, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def cache_folder(named: str | Path | None = None) -> Path:
    """Return the folder of what is fetched or compiled once: named, $NST_CACHE, the system's; it may not exist yet."""
    folder = named or os.environ.get("NST_CACHE")
    return Path(folder).expanduser().absolute() if folder else user_cache_path("nst")
