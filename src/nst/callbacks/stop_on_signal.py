"""A signal ends a run between two steps, so that its picture and its state can be saved."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, Trainer

CAUGHT = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGBREAK")
    if hasattr(signal, name)  # Windows has the first two and the last, which is Ctrl-Break or a closed window
)
LAUNCHERS = ("SIGUSR1", "SIGUSR2")
"""SLURM can be asked to send one of these before it ends a job; a launcher may then queue the job again."""


class Interrupted(Exception):  # noqa: N818 - an outcome, not an error
    """A signal asked the run to end.

    Attributes:
        exit_code: 128 + the signal's number, as a shell has it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class StopOnSignal(Callback):
    """Raise `Interrupted` before the next step when a signal has been received.

    Of several processes that train one picture the first one decides; the others end with it.

    Attributes:
        received: Number of the signal, or None.
        launcher: The launcher's own handler of that signal, to be called when everything is saved; None for none.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.launcher: Any = None

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        """Stop if a signal has been received."""
        self.check()

    def check(self) -> None:
        """Raise `Interrupted` if a signal has been received."""
        if self.received is not None:
            raise Interrupted(self.received)


@contextmanager
def caught() -> Iterator[StopOnSignal]:
    """Yield a callback that notes the first signal received in the block; a second one raises KeyboardInterrupt.

    A signal that is ignored stays ignored: `nohup` and shells ask for that. Outside of the main thread nothing is
    caught, since signals are for the main thread alone.
    """
    callback = StopOnSignal()
    if threading.current_thread() is not threading.main_thread():
        yield callback
        return

    def note(number: int, frame: FrameType | None) -> None:
        if callback.received is not None:
            raise KeyboardInterrupt
        callback.received = number
        earlier = before.get(number)
        if signal.Signals(number).name in LAUNCHERS and callable(earlier):
            callback.launcher = lambda: earlier(number, None)

    kept = (None, signal.SIG_IGN)  # None: not set by Python
    before = {n: handler for n in CAUGHT if (handler := signal.getsignal(n)) not in kept}
    for number in before:
        signal.signal(number, note)
    try:
        yield callback
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
