"""One run a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

NAME = ".lock"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the system lets go of it when the process ends, however that happens.

    Raises:
        BlockingIOError: Another process holds it.
        OSError: The folder can't be written.
    """
    lock = FileLock(folder / NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(
            f"another run is at work in {folder}; wait for its end, or give another hydra.run.dir= or hydra.sweep.dir="
        ) from None
    try:
        yield
    finally:
        lock.release()
