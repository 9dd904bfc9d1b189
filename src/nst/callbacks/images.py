"""Pictures in the loggers: the generated image while it is made, and what a network makes of a photograph."""

from collections.abc import Collection
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor

from nst.data import image_io
from nst.methods.image_module import ImageModule
from nst.methods.network_module import NetworkModule
from nst.trackers import tracker

LARGEST = 1024
"""Longest edge of a snapshot, pixels: a larger one is reduced, for it would take seconds and megabytes."""
DENSE = 64
"""Snapshots at the interval that was asked for; after these it is doubled."""


class Snapshots(Callback):
    """Show the picture every few steps, and content and styles at the start of the run.

    So that the log of a long level stays small, the interval is doubled after `DENSE` snapshots, and again each time
    the number of steps has doubled. It depends on the step alone, so a resumed run shows what it would have shown.

    Args:
        every: Steps between two snapshots; 0 for none.

    Attributes:
        sources: Which of `content` and `style` are shown: a sweep shows each source once.
    """

    def __init__(self, *, every: int) -> None:
        if every < 0:
            raise ValueError(f"callbacks.snapshots.every is {every}; give 0 (none) or more steps")
        self.every = every
        self.sources: Collection[str] = ("content", "style")

    def on_train_start(self, trainer: Trainer, module: ImageModule) -> None:  # type: ignore[override]
        """Show the start image, and in the first level content and styles, unless a resumed level has shown them."""
        if not self.every or trainer.global_step:
            return
        shown = {"picture": module.image()}
        if module.first_step == 0:
            assert module.content is not None  # the module drops it after this
            styles = {f"source/style_{i}": style.image for i, style in enumerate(module.styles, start=1)}
            shown |= {"source/content": module.content} if "content" in self.sources else {}
            shown |= styles if "style" in self.sources else {}
        for tag, image in shown.items():
            self._show(trainer, tag, image, module.first_step)

    def on_train_batch_end(self, trainer: Trainer, module: ImageModule, *args: Any) -> None:  # type: ignore[override]
        """Show the picture, if it is due."""
        if self.every and trainer.global_step % self._interval(trainer.global_step) == 0:
            self._show(trainer, "picture", module.image(), module.first_step + trainer.global_step)

    def _interval(self, step: int) -> int:
        return self.every << max(0, (step - 1) // (self.every * DENSE)).bit_length()

    def _show(self, trainer: Trainer, tag: str, image: Tensor, step: int) -> None:
        if trainer.loggers:
            add_image(trainer, tag, image_io.reduced(image.detach().float(), LARGEST), step)


class Preview(Callback):
    """Show what the network makes of one photograph.

    Args:
        content: The photograph, (1, 3, H, W) in [0, 1], edges multiples of 4.
        every: Steps between two previews; 0 for none.
    """

    def __init__(self, content: Tensor, *, every: int) -> None:
        if every < 0:
            raise ValueError(f"training.preview_every is {every}; give 0 (none) or more steps")
        self.content, self.every = content, every
        self.last_step = -1  # a step may take several batches

    def on_train_start(self, trainer: Trainer, module: NetworkModule) -> None:  # type: ignore[override]
        """Show the photograph, and what the network makes of it at the start."""
        if self.every:
            add_image(trainer, "source/content", self.content, trainer.global_step)
            self._show(trainer, module)

    def on_train_batch_end(self, trainer: Trainer, module: NetworkModule, *args: Any) -> None:  # type: ignore[override]
        """Show a preview, if it is due."""
        if self.every and trainer.global_step % self.every == 0 and trainer.global_step != self.last_step:
            self._show(trainer, module)

    @torch.no_grad()
    def _show(self, trainer: Trainer, module: NetworkModule) -> None:
        self.last_step = trainer.global_step
        for style, picture in module.method.preview(self.content.to(module.device)).items():
            add_image(trainer, f"picture/{style}", picture, trainer.global_step)


def add_image(trainer: Trainer, tag: str, image: Tensor, step: int) -> None:
    """Pass an image, (1, 3, H, W) in [0, 1], on to the loggers of a trainer."""
    shown = image[0].detach().float().clamp(0, 1).cpu()
    for logger in trainer.loggers:
        tracker(logger).image(tag, shown, step)
