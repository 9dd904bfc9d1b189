"""Signals end a run at the end of its step, with the picture kept and the shell's own exit code."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, Trainer

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818 - an outcome, not an error
    """A signal asked the run to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class StopOnSignal(Callback):
    """Raise `Interrupted` at the end of the step in which a signal came."""

    def __init__(self) -> None:
        self.received: int | None = None

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Stop where a signal has come."""
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

    before = {number: signal.signal(number, note) for number in CAUGHT}
    try:
        yield callback
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
