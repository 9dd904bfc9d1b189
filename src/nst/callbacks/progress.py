"""The progress bar: stage, step, loss and time left."""

import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar

PAUSE = 0.2
"""Seconds between two updates of the loss: on a GPU the host must wait for it."""


class Progress(RichProgressBar):
    """Lightning's rich bar with the name of the stage in front.

    Args:
        stage: Shown in front, such as `level 2/4, 256 x 192 px`.
        refresh_rate: Steps between two updates of the number of steps.
    """

    def __init__(self, stage: str, *, refresh_rate: int = 1) -> None:
        super().__init__(refresh_rate=refresh_rate, leave=True)
        self.stage_name = stage
        self.shown = 0.0

    def _update_metrics(self, *args: Any, **kwargs: Any) -> None:  # the arguments differ between releases of Lightning
        now = time.monotonic()
        if now - self.shown >= PAUSE or self.trainer.fit_loop.done:
            self.shown = now
            super()._update_metrics(*args, **kwargs)

    def _get_train_description(self, current_epoch: int) -> str:
        return self.stage_name

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the loss of the last step. Lightning would fetch what it logs from the device at every step."""
        loss = getattr(pl_module, "loss", None)
        return {} if loss is None else {"loss": round(float(loss), 4)}
