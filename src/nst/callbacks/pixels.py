"""Callbacks that act on the generated image after every step: clamp it, average it, restart its optimiser."""

from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor

from nst.losses.base import check_choice
from nst.methods.image_module import ImageModule


class Clamp(Callback):
    """Keep the parameter within bounds after every step, and tell L-BFGS of the move.

    L-BFGS takes its last step `d t` for the difference of two iterates. Where a clamp moved the second, the step would
    not fit the difference of the gradients, and its curvature could come out as next to nothing: the next direction is
    then as long as that is small.

    Bands (`method.space=laplacian`) have no bounds, and the image is clamped where they are joined.

    Args:
        low: Lower bound, in units of `method.space`.
        high: Upper bound.
        until: Clamp before the steps up to this one (counted from 0), not after; None for always.
    """

    def __init__(self, *, low: float, high: float, until: int | None) -> None:
        if not low < high:
            raise ValueError(f"callbacks.clamp has low {low:g} and high {high:g}; give low < high")
        self.low, self.high, self.until = low, high, until

    def on_train_batch_end(self, trainer: Trainer, module: ImageModule, *args: Any) -> None:  # type: ignore[override]
        """Clamp in place."""
        if module.bands:
            return
        if self.until is None or trainer.global_step < self.until:
            optimizer = trainer.optimizers[0]
            if isinstance(optimizer, torch.optim.LBFGS):
                inside = module.pixels.detach().clamp(self.low, self.high)
                tell(optimizer, module.pixels, inside - module.pixels.detach())
            module.pixels.data.clamp_(self.low, self.high)


def tell(optimizer: torch.optim.LBFGS, pixels: Tensor, moved: Tensor) -> None:
    """Add a move, made from outside, to L-BFGS's last step, so that `d t` stays the difference of its iterates."""
    state = optimizer.state.get(pixels, {})
    if state.get("t"):
        state["d"] = state["d"] + moved.flatten() / state["t"]


class Average(Callback):
    """Keep the bias-corrected exponential average of the iterates; a level ends with it.

    `a_t = d a_{t-1} + (1 - d) x_t`, result `a_t / (1 - d^t)`. It takes the noise of the last steps out of the picture.

    Args:
        decay: d, in [0, 1).
        first: What is taken in first: the level's `start` image, or the iterate of its first `step`.

    Source: Kingma & Ba 2015, section 3 (the correction); crowsonkb/style-transfer-pytorch (its use here).
    """

    def __init__(self, *, decay: float, first: str) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"callbacks.average.decay is {decay:g}; give a number from 0 up to 1")
        self.decay = decay
        self.first = check_choice("callbacks.average.first", first, ("start", "step"))
        self.sum: Tensor | None = None
        self.share = 0.0  # sum of the weights so far

    def setup(self, trainer: Trainer, module: ImageModule, stage: str) -> None:  # type: ignore[override]
        """Begin anew with every level, unless a checkpoint is read next."""
        self.sum, self.share = None, 0.0

    def state_dict(self) -> dict[str, Any]:
        """Give the average so far."""
        return {"sum": self.sum, "share": self.share}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with an average."""
        self.sum, self.share = state["sum"], state["share"]

    def on_fit_start(self, trainer: Trainer, module: ImageModule) -> None:  # type: ignore[override]
        """Take in what the average begins with."""
        if self.sum is not None:
            self.sum = self.sum.to(module.pixels.data)
            return
        self.sum = torch.zeros_like(module.pixels.data)
        if self.first == "start":
            self._take(module)

    def on_train_batch_end(self, trainer: Trainer, module: ImageModule, *args: Any) -> None:  # type: ignore[override]
        """Take the iterate in."""
        self._take(module)

    def _take(self, module: ImageModule) -> None:
        assert self.sum is not None
        self.sum.lerp_(module.pixels.data, 1 - self.decay)
        self.share = self.share * self.decay + (1 - self.decay)

    def on_train_end(self, trainer: Trainer, module: ImageModule) -> None:  # type: ignore[override]
        """Leave the average in the parameter."""
        self._leave(module)
        self.sum = None

    def on_exception(self, trainer: Trainer, module: ImageModule, exception: BaseException) -> None:  # type: ignore[override]
        """Leave the average in the parameter, too, where a run is cut short."""
        self._leave(module)

    def _leave(self, module: ImageModule) -> None:
        if self.sum is not None and self.share > 0:
            torch.div(self.sum, self.share, out=module.pixels.data)


class Restart(Callback):
    """Forget the optimiser's state (Adam's moments) before one step.

    Args:
        step: Counted from 0 in every level.

    Source: the CS231n course's style transfer, which makes a new Adam at step 180.
    """

    def __init__(self, *, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, module: ImageModule, *args: Any) -> None:  # type: ignore[override]
        """Empty the state."""
        if trainer.global_step == self.step:
            trainer.optimizers[0].state.clear()
