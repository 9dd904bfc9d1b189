"""The processes that Lightning starts to paint one picture together: none of them is left waiting for one that is gone.

In a collective operation of NCCL a process waits for another for half an hour, with its GPU at work. Lightning's own
observer sees exit codes other than 0 alone, and kills the first process before it can say why; so a helper that fails
says why, exits with 0, and is missed here.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import Popen, TimeoutExpired
from typing import Any

from lightning.pytorch import Trainer

from nst.experiment.record import Record

log = logging.getLogger("nst")
GRACE = 20.0
"""Seconds that the first process has to notice by itself that a helper is gone, as gloo lets it."""
PAUSE = 0.5  # seconds between two looks
_started: list[Popen[Any]] = []
"""Those of this process: Lightning starts them with the first level, and they stay for the others."""


@contextmanager
def watched(trainer: Trainer, record: Record) -> Iterator[None]:
    """End the run with a word if a helper ends while the block runs; end the helpers if the block fails.

    Args:
        trainer: Its launcher starts the helpers.
        record: Of the run.
    """
    over = threading.Event()
    if record.leads and trainer.num_devices > 1:
        threading.Thread(target=_watch, args=(trainer, record, over), daemon=True).start()
    try:
        yield
    except BaseException:
        over.set()
        _end(trainer)
        raise
    finally:
        over.set()


def end_with_parent() -> None:
    """End this process, a helper, within a second of the end of the one that started it."""
    if hasattr(os, "getppid") and os.name == "posix":
        threading.Thread(target=_wait_for_end, args=(os.getppid(),), daemon=True).start()


def _wait_for_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PAUSE)
    os._exit(1)


def _helpers(trainer: Trainer) -> list[Popen[Any]]:
    _started.extend(one for one in getattr(trainer.strategy.launcher, "procs", []) if one not in _started)
    return _started


def _watch(trainer: Trainer, record: Record, over: threading.Event) -> None:
    while not over.wait(PAUSE):
        ended = [number for number, one in enumerate(_helpers(trainer), start=1) if one.poll() is not None]
        if ended and not over.wait(GRACE):
            line = f"process {ended[0]} ended before the picture was finished; its own message is above"
            log.error("error: %s", line)
            with suppress(OSError):
                record.status("failed", line)
            os._exit(1)


def _end(trainer: Trainer) -> None:
    """Kill the helpers, which keep nothing."""
    mine = list(_helpers(trainer))
    if procs := getattr(trainer.strategy.launcher, "procs", None):
        procs.clear()  # Lightning's observer would kill this process, too
    _started.clear()
    for one in mine:
        one.kill()
        with suppress(TimeoutExpired):
            one.wait(timeout=GRACE)
