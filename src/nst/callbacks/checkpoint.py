"""What a run needs to go on exactly where it was, written whole while it runs: `last.ckpt`."""

import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

from nst.callbacks.stop_on_signal import Interrupted
from nst.utils.files import replacing

NAME = "last.ckpt"
FIELD = "nst"
"""Where in a checkpoint our own facts are."""


class Checkpoint(Callback):
    """Keep `last.ckpt`: Lightning's own checkpoint (picture, optimiser, schedule, callbacks, progress) with our facts.

    It is taken between two steps, when everything that belongs to the last one is done. First among the callbacks:
    it sees an exception before they act on it.

    Args:
        every: Steps from one to the next; None: as often as costs no more than `share` of the time.
        seconds: At least so long from one to the next where `every` is None.
        share: Of the time that writing may take, in (0, 1].
        path: The file.
        facts: What is written beside the state: see `state.facts`.
        spent: Seconds that the run took before this process.
    """

    def __init__(
        self, *, every: int | None, seconds: float, share: float, path: Path, facts: Mapping[str, Any], spent: float
    ) -> None:
        if every is not None and every < 1:
            raise ValueError(f"checkpoint.every is {every}; give 1 or more steps, or null for checkpoint.seconds")
        if seconds < 0 or not 0 < share <= 1:
            raise ValueError(
                f"checkpoint has seconds {seconds:g} and share {share:g}; give 0 or more, and a share over 0 up to 1"
            )
        self.every, self.seconds, self.share = every, seconds, share
        self.path, self.facts = path, dict(facts)
        self.began = time.monotonic() - spent
        self.last = time.monotonic()
        self.cost = 0.0  # seconds that the last one took
        self.level = 0
        self.levels: list[dict[str, Any]] = []
        self.random: dict[str, Any] | None = None

    def setup(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        """Write by our own hand: whole or not at all."""
        trainer.strategy.checkpoint_io = Whole()

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Set the random state of a run that goes on."""
        if self.random is not None:
            _set_random_state(self.random)
            self.random = None

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, *args: Any) -> None:
        """Write one where it is due: everything of the step before is done."""
        if trainer.global_step and self._due(trainer):
            self.save(trainer)

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        """Write one where a signal ends the run: that happens between two steps."""
        if isinstance(exception, Interrupted | SIGTERMException) and trainer.global_step:
            self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Write the state between two steps, and see the loggers' entries on the disk first."""
        start = time.monotonic()
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(str(self.path), weights_only=False)
        self._written(start)

    def end_level(self, step: int, kept: Mapping[str, Any], more: Mapping[str, Any], *, always: bool) -> None:
        """Write what a finished level leaves to the next one, where it is due or asked for.

        Args:
            step: The last one, counted over all levels.
            kept: The picture, and what the optimiser remembers if the next level begins with it.
            more: States of the callbacks that go on from level to level, by Lightning's keys.
            always: Whether it is due in any case.
        """
        if not always and self.every is None and time.monotonic() - self.last < self._pause():
            return
        start = time.monotonic()
        save({FIELD: self._facts(over=True, step=step), "kept": dict(kept), "callbacks": dict(more)}, self.path)
        self._written(start)

    def state_dict(self) -> dict[str, Any]:
        """Give the random state, which Lightning leaves out."""
        return _random_state()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Keep the random state until the steps begin."""
        self.random = state

    def on_save_checkpoint(self, trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add our facts, and count a batch that was only fetched as not begun, or Lightning's steps are off by one."""
        checkpoint[FIELD] = self._facts(over=False, step=getattr(module, "first_step", 0) + trainer.global_step)
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        for counts in (progress["total"], progress["current"]):
            counts["ready"] = counts["completed"]

    def _due(self, trainer: Trainer) -> bool:
        if self.every is not None:
            return trainer.global_step % self.every == 0
        return time.monotonic() - self.last >= self._pause()

    def _pause(self) -> float:
        return max(self.seconds, self.cost / self.share)

    def _written(self, start: float) -> None:
        self.last = time.monotonic()
        self.cost = self.last - start

    def _facts(self, *, over: bool, step: int) -> dict[str, Any]:
        now = {"seconds": time.monotonic() - self.began, "saved": time.time()}
        where = {"level": self.level, "over": over, "step": step, "levels": list(self.levels)}
        return self.facts | where | now


class Whole(CheckpointIO):
    """Lightning's way to the disk, whole or not at all, and back with nothing in the file run."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write it."""
        save(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = True) -> dict[str, Any]:
        """Read it."""
        out: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return out

    def remove_checkpoint(self, path: Any) -> None:
        """Take it away."""
        Path(path).unlink(missing_ok=True)


def save(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint whole or not at all.

    Raises:
        OSError: It can't be written; torch's own error would not say why.
    """
    with replacing(path) as file:
        noting = _Noting(file)
        try:
            torch.save(checkpoint, noting)  # type: ignore[arg-type]
        except RuntimeError as error:
            raise noting.error or error from None


class _Noting:
    """A file that remembers the system's error, which torch's writer of archives loses."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self.file.flush()


def _random_state() -> dict[str, Any]:
    version, numbers, gauss = random.getstate()
    out: dict[str, Any] = {"torch": torch.get_rng_state(), "python": [version, list(numbers), gauss]}
    if torch.cuda.is_available():
        out["cuda"] = torch.cuda.get_rng_state_all()
    return out


def _set_random_state(state: Mapping[str, Any]) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"][: torch.cuda.device_count()])
