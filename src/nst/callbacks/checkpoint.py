"""`last.ckpt`, from which a run goes on exactly where it was: written while it runs, read and compared by `resume=`."""

import random
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

from nst.callbacks.stop_on_signal import Interrupted
from nst.utils.files import load_weights_only, replacing

NAME = "last.ckpt"
FIELD = "nst"
"""Key of a checkpoint under which our own facts are."""
TYPES: dict[str, Any] = {
    "config": str,
    "sources": dict,
    "versions": dict,
    "threads": int,
    "device": str,
    "level": int,
    "over": bool,
    "seconds": int | float,
    "saved": int | float,
    "step": int,
    "levels": list,
}
"""Of the facts that a checkpoint must hold."""


@dataclass(frozen=True)
class RunState:
    """Where a run was when its checkpoint was written.

    Attributes:
        path: The checkpoint.
        level: Number of the level, from 1; 0 for a run that starts.
        finished: Whether that level is finished; if not, Lightning's checkpoint is of a step in it.
        kept: The parameter of a finished level, and its optimizer's state where the next level starts with it.
        callbacks: States of the callbacks, by Lightning's keys.
        facts: What `Checkpoint` wrote beside the state.
    """

    path: Path
    level: int = 0
    finished: bool = False
    kept: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=lambda: {"seconds": 0.0, "saved": 0.0, "step": 0})


def read(folder: Path) -> RunState:
    """Read where the run in a folder was; without a checkpoint it starts.

    Raises:
        ValueError: The file is damaged, or not a checkpoint of ours.
    """
    path = folder / NAME
    if not path.exists():
        return RunState(path)
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:  # a damaged archive can fail in any way: zlib has errors of its own
        raise _damaged(path, str(error)) from None
    if damaged is not None:
        raise _damaged(path, f"{damaged} is not what was written")
    try:
        found = load_weights_only(path)
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    facts = found.get(FIELD) if isinstance(found, dict) else None
    if not isinstance(facts, dict) or not all(isinstance(facts.get(name), kind) for name, kind in TYPES.items()):
        raise _damaged(path, "it holds no state of a run")
    kept, callbacks = found.get("kept", {}), found.get("callbacks", {})
    if not isinstance(kept, dict) or not isinstance(callbacks, dict) or (facts["over"] and "pixels" not in kept):
        raise _damaged(path, "it holds no picture")
    return RunState(path, facts["level"], facts["over"], kept, callbacks, facts)


def _damaged(path: Path, why: str) -> ValueError:
    return ValueError(f"{path} is damaged ({' '.join(why.split())}); delete it, and resume= starts that run anew")


def refuse_others(state: RunState, now: Mapping[str, Any]) -> None:
    """Refuse the state of a run with other choices or other files.

    Args:
        state: As it was read.
        now: The facts of the run that goes on: `config` and `sources`.

    Raises:
        ValueError: One line on what differs.
    """
    if not state.level:
        return
    if state.facts["config"] != now["config"]:
        raise ValueError(
            f"{state.path} belongs to other choices than config.yaml beside it; put that back, or start a new run"
        )
    for name, got in now["sources"].items():
        if name in state.facts["sources"] and state.facts["sources"][name] != got:
            raise ValueError(
                f"{name} is another file than when {state.path.parent} started; put that back, or start a new run"
            )


def differences(state: RunState, now: Mapping[str, Any]) -> list[str]:
    """Return one line for each reason why the last bits may differ from those of an uninterrupted run."""
    if not state.level:
        return []
    then = state.facts
    why = [f"{name} is {now['versions'].get(name)}, not {v}" for name, v in then["versions"].items()
           if now["versions"].get(name) != v]  # fmt: skip
    why += [f"{name} is {now[name]}, not {then[name]}" for name in ("threads", "device") if now[name] != then[name]]
    return [f"the picture may differ in its last bits from that of an uninterrupted run: {reason}" for reason in why]


class Checkpoint(Callback):
    """Write `last.ckpt`: Lightning's checkpoint (picture, optimizer, scheduler, callbacks, progress) with our facts.

    It is written between two steps, when everything that belongs to the last one is done: at a batch's end a plateau
    scheduler and the log entries of the step are still to come. It must come first among the callbacks, so that it sees
    an exception before they act on it.

    Args:
        every: Steps between two checkpoints; None: as often as costs no more than `share` of the time.
        seconds: Least time between two where `every` is None.
        share: Fraction of the time that writing may take, in (0, 1].
        path: The file.
        facts: What is written beside the state: `config` (digest), `sources`, `versions`, `threads`, `device`.
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
        """Let Lightning write through `AtomicCheckpointIO`."""
        trainer.strategy.checkpoint_io = AtomicCheckpointIO()

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Restore the random state of a run that goes on."""
        if self.random is not None:
            _set_random_state(self.random)
            self.random = None

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, *args: Any) -> None:
        """Write a checkpoint where one is due: the step before is complete."""
        if trainer.global_step and self._due(trainer):
            self.save(trainer)

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        """Write a checkpoint where a signal ends the run, which happens between two steps."""
        if isinstance(exception, Interrupted | SIGTERMException) and trainer.global_step:
            self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Write the state between two steps, after the loggers have written theirs."""
        start = time.monotonic()
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(str(self.path), weights_only=False)
        self._written(start)

    def end_level(self, step: int, kept: Mapping[str, Any], more: Mapping[str, Any], *, always: bool) -> None:
        """Write what a finished level hands to the next one, if it is due.

        Args:
            step: The last step, counted over all levels.
            kept: The parameter, and the optimizer's state if the next level starts with it.
            more: States of the callbacks that live through all levels, by Lightning's keys.
            always: Whether to write in any case.
        """
        if not always and self.every is None and time.monotonic() - self.last < self._pause():
            return
        start = time.monotonic()
        save({FIELD: self._facts(over=True, step=step), "kept": dict(kept), "callbacks": dict(more)}, self.path)
        self._written(start)

    def state_dict(self) -> dict[str, Any]:
        """Return the random state, which Lightning leaves out."""
        return _random_state()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Hold the random state until the steps start."""
        self.random = state

    def on_save_checkpoint(self, trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add our facts; a batch that was only fetched counts as not started, else Lightning would skip a step."""
        checkpoint[FIELD] = self._facts(over=False, step=getattr(module, "first_step", 0) + trainer.global_step)
        _forget_fetched(checkpoint)

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


def _forget_fetched(checkpoint: dict[str, Any]) -> None:
    progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    for counts in (progress["total"], progress["current"]):
        counts["ready"] = counts["completed"]


class NetworkCheckpoint(Callback):
    """Write `last.ckpt` of a network's training: at an interval, where a signal ends it, and at its end.

    Args:
        path: The file.
        every: Steps between two checkpoints.
    """

    def __init__(self, path: Path, *, every: int) -> None:
        if every < 1:
            raise ValueError(f"training.checkpoint_every is {every}; give 1 or more steps")
        self.path, self.every = path, every
        self.saved = -1

    def setup(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        """Let Lightning write through `AtomicCheckpointIO`."""
        trainer.strategy.checkpoint_io = AtomicCheckpointIO()

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, *args: Any) -> None:
        """Write a checkpoint between two steps where one is due, when the step before is in the logs."""
        if trainer.global_step % self.every == 0:
            self._save(trainer)

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        """Write a checkpoint where a signal ends the training, unless gradients of half a step would be lost.

        Nor with several processes: writing waits for all, and the others are gone.
        """
        if trainer.world_size > 1:
            return
        batches = trainer.fit_loop.epoch_loop.batch_progress.current.completed
        if isinstance(exception, Interrupted) and batches % trainer.accumulate_grad_batches == 0:
            self._save(trainer)

    def on_save_checkpoint(self, trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Count a batch that was only fetched as not started."""
        _forget_fetched(checkpoint)

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Write the last one."""
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        if trainer.global_step and self.saved != trainer.global_step:
            self.saved = trainer.global_step
            for logger in trainer.loggers:
                logger.save()
            trainer.save_checkpoint(str(self.path), weights_only=False)


class AtomicCheckpointIO(CheckpointIO):
    """Write Lightning's checkpoints whole or not at all, and read them without running code from the file."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint."""
        save(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = True) -> dict[str, Any]:
        """Read a checkpoint."""
        out: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return out

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def save(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint whole or not at all.

    Raises:
        OSError: It can't be written; torch's own error would not say why.
    """
    with replacing(path) as file:
        checked = _ErrorKeepingFile(file)
        try:
            torch.save(checkpoint, checked)  # type: ignore[arg-type]
        except RuntimeError as error:
            raise checked.error or error from None


class _ErrorKeepingFile:
    """A file that keeps the system's error, which `torch.save` replaces by one of its own."""

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
