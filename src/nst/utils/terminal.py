"""Output that never ends a run: for terminals that lack letters, readers that go away, disks that are full."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


class SteadyStream:
    """A text stream whose failures are dropped: after the first one, what is written goes nowhere.

    Args:
        stream: Standard output or standard error.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text and return its length."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._try(self._stream.flush)

    def _try(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except OSError:  # BrokenPipeError of `| head`, a full disk
            with suppress(OSError, ValueError, AttributeError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, self._stream.fileno())  # also for what is still in the stream's buffer, and for C
                os.close(null)
        except UnicodeEncodeError:  # a stream that could not be told to replace
            pass


@contextmanager
def steady() -> Iterator[None]:
    """Keep standard output and error from ending the block: what they can't show becomes `?`."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):
            with suppress(ValueError):  # closed
                stream.reconfigure(errors="replace")
    sys.stdout, sys.stderr = SteadyStream(sys.stdout), SteadyStream(sys.stderr)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before
