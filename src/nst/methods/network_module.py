"""The LightningModule of every network method: the task's losses, one step at a time."""

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.optim import Optimizer

from nst.methods.image_module import DivergedError
from nst.methods.lesson import Batch, Task


class Training(LightningModule):
    """Train a task's network. What is frozen is no part of this module, so no checkpoint holds it.

    Args:
        task: A network and its losses.
        optimizer: Parameters -> optimiser.
        scheduler: (optimiser, steps=) -> what Lightning takes.
        steps: Of the whole training.
        about: What a checkpoint says of itself.
    """

    def __init__(
        self,
        task: Task,
        *,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., dict[str, Any]],
        steps: int,
        about: dict[str, Any],
    ) -> None:
        super().__init__()
        self.task = task
        self.network = task.network
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.steps = steps
        self.about = about
        self.last: dict[str, Tensor] = {}

    def configure_optimizers(self) -> Any:
        """Return the optimiser of what is trained and its schedule over all steps."""
        optimizer = self.optimizer(self.task.alone or list(self.network.parameters()))
        return {"optimizer": optimizer, "lr_scheduler": self.scheduler(optimizer, steps=self.steps)}

    def on_fit_start(self) -> None:
        """Take the references once, on the device of the run."""
        self.task.prepare(self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the weighted sum of the losses of a batch."""
        self.task.objective.draw(self.trainer.global_step)
        losses = self.task.losses(batch)
        loss = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(loss):
            raise DivergedError(
                f"the loss is {loss:g} at step {self.trainer.global_step}: not a number; lower optimizer.lr or the "
                f"weights; the last checkpoint is kept"
            )
        self.last = {"loss": loss.detach(), **{name: value.detach() for name, value in losses.items()}}
        if (self.trainer.global_step + 1) % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self._log(loss, losses)
        return loss

    def _log(self, loss: Tensor, losses: dict[str, Tensor]) -> None:
        values = {f"loss/{name}": value for name, value in losses.items()}
        rate = {"lr": self.trainer.optimizers[0].param_groups[0]["lr"]}
        self.log("loss", loss, prog_bar=True, logger=bool(self.loggers), batch_size=1)
        self.log_dict({**values, **rate}, logger=bool(self.loggers), batch_size=1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say what the checkpoint is, and what the network needs besides its parameters."""
        batches = self.trainer.global_step * self.trainer.accumulate_grad_batches
        checkpoint["nst"] = {**self.about, "keeps": self.task.keeps(), "batches": batches}
