"""The progress bar: stage, step, loss and time left."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar


class Progress(RichProgressBar):
    """Lightning's rich bar with the name of the stage in front.

    Args:
        stage: Shown in front, such as `level 2/4, 256 x 192 px`.
        refresh_rate: Steps between two updates.
    """

    def __init__(self, stage: str, *, refresh_rate: int = 1) -> None:
        super().__init__(refresh_rate=refresh_rate, leave=True)
        self.stage_name = stage

    def _get_train_description(self, current_epoch: int) -> str:
        return self.stage_name

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the loss alone, without Lightning's version number."""
        return {k: v for k, v in super().get_metrics(trainer, pl_module).items() if k == "loss"}
