"""Atomic writes, checksums, safe loading of tensors, and the cache folder."""

import atexit
import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from platformdirs import user_cache_path

from nst.utils.errors import REMEDIES

log = logging.getLogger("nst")


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; empty where there is no such file, or it is damaged or holds something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, data: bytes | memoryview) -> None:
    """Write a file atomically: see `replacing`."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a temporary file that replaces `path` when the block ends; if it raises, an older file at `path` stays.

    The data is on the disk before the name changes, so `path` is complete even after a power failure.

    Raises:
        OSError: The file can't be written; of the system's own class and number, with what to do in the message.
    """
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            yield file  # type: ignore[misc]  # typeshed's wrapper is no BinaryIO
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        _rename(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise explained(error, path) from error
        raise


def _rename(file: Path, path: Path) -> None:
    """Replace a file; on Windows wait up to two seconds for one who reads it: a virus scanner, a page that shows it."""
    for _ in range(20 if os.name == "nt" else 0):
        try:
            file.replace(path)
            return
        except PermissionError:
            time.sleep(0.1)
    file.replace(path)


def explained(error: OSError, path: Path) -> OSError:
    """Return the error of a file that can't be written, of the same class and number, with what to do about it."""
    remedies = {**REMEDIES, errno.ENOENT: f"the folder {path.parent} is gone"}
    remedies |= dict.fromkeys((errno.ENOTDIR, errno.EEXIST), f"{path.parent} is no folder; choose another")
    explained = type(error)(f"cannot write {path}: {remedies.get(error.errno or 0, error.strerror)}")
    explained.errno = error.errno
    return explained


def user_path(text: str | Path) -> Path:
    """Return the path that a user typed: as it is if there is such a file, else with `~` as the user's home folder."""
    path = Path(text)
    if os.path.lexists(path):
        return path
    expanded = os.path.expanduser(path)  # noqa: PTH111 - Path's raises an error where there is no home or no such user
    return Path(expanded)


def _sync_folder(path: Path) -> None:
    """Put a changed file name on the disk where the system allows it."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_weights_only(path: Path) -> Any:
    """Return what `torch.save` wrote, on the CPU; no code from the file is run.

    Raises:
        ValueError: The file is damaged, or holds more than tensors, numbers, strings and collections of them.
    """
    import torch  # here, because what is read without torch needs this module too

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, on the pickle protocol
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can fail in any way
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__).strip()
        raise ValueError(f"can't be read as a checkpoint of tensors ({first[:120]})") from None


def cache_folder(chosen: str | Path | None = None) -> Path:
    """Return the folder for downloads and compiled code, which may not exist yet.

    Args:
        chosen: The folder; None means $NST_CACHE, or else the user's cache folder on this system. Where the user has no
            home, it is a new folder that is deleted at the end of the process, and a line says so.
    """
    if folder := chosen or os.environ.get("NST_CACHE"):
        return user_path(folder).absolute()
    try:
        found = user_cache_path("nst")
    except RuntimeError:  # platformdirs': there is no home, as in a container with `--user 12345`
        return _temporary_cache()
    return found if found.is_absolute() else _temporary_cache()


def _temporary_cache() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="nst-"))  # nobody else can write to it: it may hold compiled code
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NST_CACHE"] = str(folder)  # also for the processes of a sweep
    os.environ.setdefault("TORCH_HOME", str(folder / "torch"))
    log.warning("warning: there is no home folder: downloads and compiled code are kept until the end; give NST_CACHE=")
    return folder
