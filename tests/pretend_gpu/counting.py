"""Callbacks: one counts what each step costs on the pretend GPU, another spoils one."""

from contextlib import ExitStack
from typing import Any, ClassVar

from lightning.pytorch import Callback

from pretend_gpu.device import Counts, counted


class CountSteps(Callback):
    """Counts from a step's start to the next one's; `+callbacks.count._target_=pretend_gpu.counting.CountSteps`."""

    steps: ClassVar[list[Counts]] = []

    def setup(self, *args: Any, **kwargs: Any) -> None:
        self.open = ExitStack()
        self.steps.clear()

    def on_train_batch_start(self, *args: Any) -> None:
        self.open.close()
        self.steps.append(self.open.enter_context(counted()))

    def on_train_end(self, *args: Any) -> None:
        self.open.close()
        self.steps.pop()  # the last one ends with what ends the level


class SpoilGradient(Callback):
    """Makes the gradient of one step not a number."""

    def on_after_backward(self, trainer: Any, module: Any) -> None:
        if trainer.global_step == 2:
            module.pixels.grad[..., 0] = float("nan")
