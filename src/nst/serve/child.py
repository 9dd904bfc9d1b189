"""One task in a process of its own, like a job of a sweep: a crash, or lack of memory, ends that task and no other."""

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from nst.serve.limits import RefusedError
from nst.utils.errors import is_user_error, one_line
from nst.utils.process import start_method

log = logging.getLogger("nst")
PRELOADED = ["nst.api", "nst.inference.stylize", "nst.serve.jobs"]
"""What the fork server imports once, so that a task starts at once."""
GRACE = 60.0
"""Seconds that a task which was asked to stop may take for its last step; then it is killed."""


class Child:
    """A task that runs in a new process, and tells what it does.

    Args:
        task: The name of a function in `nst.serve.jobs`, which is imported in the process. It takes `send`, which
            passes an object on to `next`, and the arguments. What it returns comes last.
        arguments: Of the function; picklable.
    """

    def __init__(self, task: str, *arguments: Any) -> None:
        context: Any = multiprocessing.get_context(start_method())
        orders, self._orders = context.Pipe(duplex=False)
        self._news, news = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(task, arguments, orders, news), name="page", daemon=True)
        self._process.start()
        for end in (orders, news):
            end.close()
        self._lock = threading.Lock()
        self._killed_at = float("inf")

    def next(self, seconds: float) -> tuple[str, Any] | None:
        """Return what the task says next, or None if it says nothing for so many seconds.

        Returns:
            `("news", object)`; at last `("result", object)` or `("refused", sentence)`.
        """
        try:
            if self._news.poll(seconds):
                message: tuple[str, Any] = self._news.recv()
                return message
        except (EOFError, OSError):  # it ended without a last word
            self._process.join()
            return "refused", self._end()
        if time.monotonic() > self._killed_at:
            self._process.kill()
        return None

    def result(self, seconds: float) -> Any:
        """Wait for the end of a task that takes no longer than so many seconds, and return its result.

        Raises:
            RefusedError: It can't be done, or took longer, or ended without a word.
        """
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0:
                message = self.next(left)
                if message and message[0] == "result":
                    return message[1]
                if message and message[0] == "refused":
                    raise RefusedError(message[1])
            raise RefusedError("this takes too long; give a smaller picture")
        finally:
            self.close()

    def stop(self, number: int = signal.SIGINT) -> None:
        """Ask the task to stop as by a signal, which keeps its picture; after a minute it is killed."""
        with self._lock:
            if self._killed_at == float("inf"):
                self._killed_at = time.monotonic() + GRACE
                with suppress(OSError):  # it has ended
                    self._orders.send(int(number))

    def close(self) -> None:
        """End the process if it is still there, and give everything back."""
        if self._process.is_alive():
            self._process.join(1)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._process.close()
        for end in (self._orders, self._news):
            end.close()

    def _end(self) -> str:
        code = self._process.exitcode
        if code is not None and code < 0:
            hint = "; was the memory too small?" if -code == getattr(signal, "SIGKILL", None) else ""
            return f"the painting process was ended by {signal.Signals(-code).name}{hint}"
        return f"the painting process ended by itself (exit code {code})"


def warm_up() -> None:
    """Start the fork server, which takes seconds to import torch, and compile what is compiled on first use."""
    context: Any = multiprocessing.get_context(start_method())
    if context.get_start_method() == "forkserver":
        context.set_forkserver_preload(PRELOADED)
    Child("warm_up").result(120)


def _run(task: str, arguments: tuple[Any, ...], orders: Connection, news: Connection) -> None:
    """Be the process of a task."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # the terminal's Ctrl-C reaches the server, which passes it on
    if sys.platform == "win32":
        ctypes.windll.kernel32.SetConsoleCtrlHandler(None, True)  # the same
    from nst.sweeps.worker import obey

    threading.Thread(target=obey, args=(orders,), daemon=True).start()
    try:
        function = getattr(import_module("nst.serve.jobs"), task)
        news.send(("result", function(lambda message: news.send(("news", message)), *arguments)))
    except KeyboardInterrupt:
        news.send(("refused", "stopped"))
    except SystemExit:  # by another signal than Ctrl-C; the run has said so in its folder
        news.send(("refused", "stopped"))
    except BrokenPipeError:  # the server is gone
        pass
    except Exception as error:
        if not is_user_error(error):
            log.exception("this is a bug in nst")
        news.send(("refused", one_line(error)))
