"""Signals end a run at the end of its step, with picture and state kept and the shell's own exit code."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, Trainer

CAUGHT = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)  # Windows has the first two
)
LAUNCHERS = ("SIGUSR1", "SIGUSR2")
"""What SLURM is asked to send before it ends a job; a launcher may wait for one to queue the job again."""


class Interrupted(Exception):  # noqa: N818 - an outcome, not an error
    """A signal asked the run to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class StopOnSignal(Callback):
    """Raise `Interrupted` between two steps where a signal came in the first.

    Attributes:
        received: The signal's number.
        launcher: What the launcher wanted to do at that signal, to be called when everything is kept; None for nothing.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.launcher: Any = None

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        """Stop where a signal has come; of several processes the first one decides, and the others end with it."""
        self.check()

    def check(self) -> None:
        """Raise `Interrupted` where a signal has come."""
        if self.received is not None:
            raise Interrupted(self.received)


@contextmanager
def caught() -> Iterator[StopOnSignal]:
    """Note the first signal in the callback that is given; a second one ends the program at once."""
    callback = StopOnSignal()

    def note(number: int, frame: FrameType | None) -> None:
        if callback.received is not None:
            raise KeyboardInterrupt
        callback.received = number
        earlier = before.get(number)
        if signal.Signals(number).name in LAUNCHERS and callable(earlier):
            callback.launcher = lambda: earlier(number, None)

    before = {n: handler for n in CAUGHT if (handler := signal.getsignal(n)) is not None}  # None: not of Python
    for number in before:
        signal.signal(number, note)
    try:
        yield callback
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
