"""Callbacks that act on the generated image after every step: clamp it, average it, restart its optimiser."""

from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor

from nst.methods.image_module import ImageModule
from nst.optim.lbfgs import add_to_last_step
from nst.utils.errors import check_choice


class Clamp(Callback):
    """Keep the picture within bounds: clamp it before the first step and after every step.

    Args:
        low: Lower bound. The units are those of the image, [0, 1], for `method.space=image` and `laplacian`, and those
            of the backbone's input for `method.space=input`.
        high: Upper bound.
        until: Clamp before the steps up to this one (counted from 0), not after; None for always.
    """

    def __init__(self, *, low: float, high: float, until: int | None) -> None:
        if not low < high:
            raise ValueError(f"callbacks.clamp has low {low:g} and high {high:g}; give low < high")
        self.low, self.high, self.until = low, high, until

    def on_train_start(self, trainer: Trainer, module: ImageModule) -> None:  # type: ignore[override]
        """Clamp the initial image, or leave the picture of a resumed run, which was clamped, as it is."""
        if self.until is None or trainer.global_step < self.until:
            module.space.project_(module.pixels.data, self.low, self.high)

    def on_train_batch_end(self, trainer: Trainer, module: ImageModule, *args: Any) -> None:  # type: ignore[override]
        """Clamp in place, and tell L-BFGS of the move."""
        if self.until is not None and trainer.global_step >= self.until:
            return
        pixels, optimizer = module.pixels.data, trainer.optimizers[0]
        if isinstance(optimizer, torch.optim.LBFGS):
            before = pixels.clone()
            module.space.project_(pixels, self.low, self.high)
            add_to_last_step(optimizer, module.pixels, pixels - before)
        else:
            module.space.project_(pixels, self.low, self.high)


class Average(Callback):
    """Keep the bias-corrected exponential average of the iterates, and leave it in the parameter at a level's end.

    `a_t = d a_{t-1} + (1 - d) x_t`, result `a_t / (1 - d^t)`. It takes the noise of the last steps out of the picture.

    Args:
        decay: d, in [0, 1).
        first: First value of the average: the level's `start` image, or the iterate of its first `step`.

    Source: Kingma & Ba 2015, section 3 (the correction); crowsonkb/style-transfer-pytorch (its use here).
    """

    def __init__(self, *, decay: float, first: str) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"callbacks.average.decay is {decay:g}; give a number from 0 up to 1")
        self.decay = decay
        self.first = check_choice("callbacks.average.first", first, ("start", "step"))
        self.sum: Tensor | None = None
        self.weight = 0.0  # 1 - d^t, the sum of the weights so far

    def setup(self, trainer: Trainer, module: ImageModule, stage: str) -> None:  # type: ignore[override]
        """Start anew with every level, before a checkpoint is loaded."""
        self.sum, self.weight = None, 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return the average so far."""
        return {"sum": self.sum, "share": self.weight}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue an average."""
        self.sum, self.weight = state["sum"], state["share"]

    def on_fit_start(self, trainer: Trainer, module: ImageModule) -> None:  # type: ignore[override]
        """Add the start image, if it is to be the first value."""
        if self.sum is not None:
            self.sum = self.sum.to(module.pixels.data)
            return
        self.sum = torch.zeros_like(module.pixels.data)
        if self.first == "start":
            self._add(module)

    def on_train_batch_end(self, trainer: Trainer, module: ImageModule, *args: Any) -> None:  # type: ignore[override]
        """Add the iterate."""
        self._add(module)

    def on_train_end(self, trainer: Trainer, module: ImageModule) -> None:  # type: ignore[override]
        """Put the average into the parameter."""
        self._apply(module)
        self.sum = None

    def on_exception(self, trainer: Trainer, module: ImageModule, exception: BaseException) -> None:  # type: ignore[override]
        """Put the average into the parameter of a run that is cut short, too."""
        self._apply(module)

    def _add(self, module: ImageModule) -> None:
        assert self.sum is not None
        self.sum.lerp_(module.pixels.data, 1 - self.decay)
        self.weight = self.weight * self.decay + (1 - self.decay)

    def _apply(self, module: ImageModule) -> None:
        if self.sum is not None and self.weight > 0:
            torch.div(self.sum, self.weight, out=module.pixels.data)


class Restart(Callback):
    """Clear the state of the optimiser (Adam's moments) before one step.

    Args:
        step: Counted from 0 in every level.

    Source: the CS231n course's style transfer, which makes a new Adam at step 180.
    """

    def __init__(self, *, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, module: ImageModule, *args: Any) -> None:  # type: ignore[override]
        """Clear the state."""
        if trainer.global_step == self.step:
            trainer.optimizers[0].state.clear()
