"""A run inside somebody else's program: whatever it changes in the process is as before when it ends."""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch.utilities.seed import isolate_rng

LOGGERS = ("nst", "lightning", "lightning.pytorch", "lightning.fabric", "py.warnings", "torch.onnx")
"""Loggers that a run changes."""
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""Of the log file, as in conf/hydra/job_logging/plain.yaml."""
_running = threading.Lock()


@contextmanager
def isolated() -> Iterator[None]:
    """Restore environment, loggers, filters of warnings, random generators and torch's settings after the block.

    One such block runs at a time: what it restores belongs to the whole process.
    """
    with _running, warnings.catch_warnings(), _random_numbers(), _loggers(), _environment():
        threads = torch.get_num_threads()
        determinism = (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        )
        cudnn = torch.backends.cudnn
        benchmark, deterministic = cudnn.benchmark, cudnn.deterministic
        hook = sys.excepthook
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(determinism[0], warn_only=determinism[1])
            cudnn.benchmark, cudnn.deterministic = benchmark, deterministic
            sys.excepthook = hook


@contextmanager
def logged(file: Path) -> Iterator[None]:
    """Write what nst logs in the block into a file; warnings go where the program's own warnings go, too."""
    log = logging.getLogger("nst")
    written, passed = logging.FileHandler(file, encoding="utf-8", delay=True), _ToRoot(logging.WARNING)
    written.setFormatter(logging.Formatter(FORMAT))
    log.setLevel(logging.INFO)
    log.propagate = False
    for handler in (written, passed):
        log.addHandler(handler)
    try:
        yield
    finally:
        for handler in (written, passed):
            log.removeHandler(handler)
            handler.close()


class _ToRoot(logging.Handler):
    """Pass records on to the program's own handlers, or where there are none to standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger().handle(record)


@contextmanager
def _random_numbers() -> Iterator[None]:
    before = isolate_rng()
    before.__enter__()
    try:
        yield
    finally:
        before.__exit__(None, None, None)  # Lightning's own block restores nothing after an error


@contextmanager
def _loggers() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(log, log.level, log.propagate, log.handlers[:], log.filters[:]) for log in loggers]
    try:
        yield
    finally:
        for log, level, propagate, handlers, filters in before:
            log.setLevel(level)
            log.propagate, log.handlers, log.filters = propagate, handlers, filters


@contextmanager
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})
