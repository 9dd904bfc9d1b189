"""What happens around the steps of a network's training: previews, checkpoints, an early stop."""

from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint


class Keep(ModelCheckpoint):
    """Keep `last.ckpt`, whole at every moment: at an interval, and where a run is stopped between two steps.

    Args:
        folder: The run's.
        every: Steps from checkpoint to checkpoint.
    """

    def __init__(self, folder: str, *, every: int) -> None:
        if every < 1:
            raise ValueError(f"learn.checkpoint_every is {every}; give 1 or more steps")
        super().__init__(
            dirpath=folder,
            filename="last",
            every_n_train_steps=every,
            save_top_k=1,
            enable_version_counter=False,
        )

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:
        """Keep a last one where the gradients of no half step would be lost."""
        stopped = type(exception).__name__ == "Interrupted"
        batches = trainer.fit_loop.epoch_loop.batch_progress.current.ready
        if stopped and batches % trainer.accumulate_grad_batches == 0 and trainer.global_step:
            self._save_topk_checkpoint(trainer, {"step": torch.tensor(trainer.global_step)})

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Keep the end, too."""
        if self._last_global_step_saved != trainer.global_step:
            self._save_topk_checkpoint(trainer, {"step": torch.tensor(trainer.global_step)})
