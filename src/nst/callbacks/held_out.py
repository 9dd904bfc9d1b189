"""The losses of photographs that a network is not trained on, beside those of the training."""

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer

from nst.callbacks.early_stop import StopEarly
from nst.methods.network_module import Batch, NetworkModule


class HeldOut(Callback):
    """Measure the losses of held-out photographs every few steps, log them as `held_out/<loss>`, tell early stopping.

    Args:
        batches: The photographs, always the same.
        every: Steps between two measurements; 0: none.
        stop: Stops by these losses instead of those of the training.

    Attributes:
        losses: Of the last measurement: `loss`, the total, and name -> weighted loss.
    """

    def __init__(self, batches: Sequence[Batch], *, every: int, stop: StopEarly) -> None:
        self.batches, self.every, self.stop = batches, every, stop
        self.losses: dict[str, float] = {}
        self.last_step = 0  # a step may take several batches
        stop.is_told = bool(batches and every)

    def on_train_batch_end(self, trainer: Trainer, module: NetworkModule, *args: Any) -> None:  # type: ignore[override]
        """Measure, if it is due."""
        if self.stop.is_told and trainer.global_step % self.every == 0:
            self._measure(trainer, module)

    def on_train_end(self, trainer: Trainer, module: NetworkModule) -> None:  # type: ignore[override]
        """Measure the network that is left."""
        if self.stop.is_told:
            self._measure(trainer, module)

    def _measure(self, trainer: Trainer, module: NetworkModule) -> None:
        step = trainer.global_step
        if step == self.last_step:
            return
        self.last_step = step
        self.losses = self.measure(module)
        for logger in trainer.loggers:
            logger.log_metrics({f"held_out/{name}": value for name, value in self.losses.items()}, step)
        self.stop.compare(self.losses["loss"], trainer)

    @torch.no_grad()
    def measure(self, module: NetworkModule) -> dict[str, float]:
        """Return the mean losses over all batches."""
        rows = [module.method.losses(_moved(batch, module.device)) for batch in self.batches]
        sizes = [len(batch[0]) for batch in self.batches]
        means = {
            name: sum(float(row[name]) * size for row, size in zip(rows, sizes, strict=True)) / sum(sizes)
            for name in rows[0]
        }
        return {"loss": sum(means.values()), **means}


def _moved(batch: Batch, device: torch.device) -> Batch:
    numbers, contents, styles = batch
    return numbers, contents.to(device), styles.to(device)
