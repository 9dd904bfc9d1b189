"""Pictures for the loggers, at an interval, with content and style beside them."""

from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from nst.data import image_io
from nst.methods.image_module import ImageModule

LARGEST = 1024
"""Edge of a picture in the loggers, pixels: a larger one is reduced, for it would take seconds and megabytes each."""
DENSE = 64


class Snapshots(Callback):
    """Send the picture to TensorBoard every few steps, and content and style once a level.

    A long level is shown ever more rarely, so that the log stays small: after `DENSE` pictures at every second of these
    steps, after twice as many steps at every fourth, and so on. It depends on the step alone, so a run that goes on
    shows what it would have shown.

    Args:
        every: Steps between two snapshots; 0 for none.
    """

    def __init__(self, *, every: int) -> None:
        if every < 0:
            raise ValueError(f"callbacks.snapshots.every is {every}; give 0 (none) or more steps")
        self.every = every

    def on_train_start(self, trainer: Trainer, module: ImageModule) -> None:  # type: ignore[override]
        """Show what the level starts from and aims at; a level that goes on has shown it."""
        if self.every and trainer.global_step == 0:
            assert module.content is not None  # it lets go of it after this
            self._show(trainer, "content", module.content, module.first_step)
            for number, style in enumerate(module.styles, start=1):
                self._show(trainer, f"style/{number}", style.image, module.first_step)
            self._show(trainer, "picture", module.image(), module.first_step)

    def on_train_batch_end(self, trainer: Trainer, module: ImageModule, *args: Any) -> None:  # type: ignore[override]
        """Show the picture."""
        if self.every and trainer.global_step % self._interval(trainer.global_step) == 0:
            self._show(trainer, "picture", module.image(), module.first_step + trainer.global_step)

    def _interval(self, step: int) -> int:
        return self.every << max(0, (step - 1) // (self.every * DENSE)).bit_length()

    def _show(self, trainer: Trainer, tag: str, image: Tensor, step: int) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                small = image_io.reduced(image.detach().float(), LARGEST)
                logger.experiment.add_image(tag, small[0].clamp(0, 1).cpu(), step)
