"""What happens around the steps of a network's training: previews, checkpoints, an early stop."""

from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from nst.methods.network_module import NetworkModule


class Preview(Callback):
    """Show in TensorBoard what the network makes of one photograph.

    Args:
        content: The photograph, (1, 3, H, W) in [0, 1], edges multiples of 4.
        every: Steps from picture to picture; 0 for none.
    """

    def __init__(self, content: Tensor, *, every: int) -> None:
        if every < 0:
            raise ValueError(f"learn.preview_every is {every}; give 0 (none) or more steps")
        self.content, self.every = content, every
        self.shown = -1

    def on_train_start(self, trainer: Trainer, module: NetworkModule) -> None:  # type: ignore[override]
        """Show the photograph and what the network makes of it at first."""
        if self.every:
            self._add(trainer, "content", self.content)
            self._show(trainer, module)

    def on_train_batch_end(self, trainer: Trainer, module: NetworkModule, *args: Any) -> None:  # type: ignore[override]
        """Show it where a picture is due."""
        if self.every and trainer.global_step % self.every == 0 and trainer.global_step != self.shown:
            self._show(trainer, module)

    @torch.no_grad()
    def _show(self, trainer: Trainer, module: NetworkModule) -> None:
        self.shown = trainer.global_step
        for name, picture in module.method.preview(self.content.to(module.device)).items():
            self._add(trainer, f"picture/{name}", picture)

    def _add(self, trainer: Trainer, tag: str, image: Tensor) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                picture = image[0].detach().float().clamp(0, 1).cpu()
                logger.experiment.add_image(tag, picture, trainer.global_step)


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


class StopEarly(Callback):
    """Stop where the mean loss of a window has not fallen below the best one for a number of windows.

    Args:
        window: Steps.
        patience: Windows; 0: never stop.
        least: Share of the best mean by which a better one must be lower.
    """

    def __init__(self, *, window: int, patience: int, least: float) -> None:
        if window < 1 or patience < 0:
            raise ValueError(f"learn.stop has window {window}, patience {patience}; give 1 or more, 0 or more")
        self.window, self.patience, self.least = window, patience, least
        self.losses: list[float] = []
        self.best, self.waited = float("inf"), 0

    def on_train_batch_end(self, trainer: Trainer, module: NetworkModule, outputs: Any, *args: Any) -> None:  # type: ignore[override]
        """Look at the loss."""
        if not self.patience:
            return
        self.losses.append(float(outputs["loss"]))
        if len(self.losses) < self.window * trainer.accumulate_grad_batches:
            return
        mean = sum(self.losses) / len(self.losses)
        self.losses = []
        self.waited = 0 if mean < self.best * (1 - self.least) else self.waited + 1
        self.best = min(self.best, mean)
        trainer.should_stop = trainer.should_stop or self.waited >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run must know."""
        return {"losses": self.losses, "best": self.best, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it up again."""
        self.losses = list(state_dict["losses"])
        self.best, self.waited = state_dict["best"], state_dict["waited"]
