"""How the parameters of one stage are optimised."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

from nst.optim import lr_schedulers
from nst.optim.lr_schedulers import Schedule
from nst.optim.resize_state import OptimizerState, warm_start


@dataclass(frozen=True)
class Optimization:
    """Optimiser, learning rate and steps of a stage.

    Attributes:
        optimizer: Parameters -> optimiser.
        scheduler: Makes the schedule of the learning rate; see `lr_schedulers.configure`.
        steps: Optimiser steps.
        state: State of the optimiser at the end of the level before, to be resized and started with; None for none.
    """

    optimizer: Callable[..., Optimizer]
    scheduler: Schedule
    steps: int
    state: OptimizerState | None = None

    def configure(self, parameters: Sequence[nn.Parameter]) -> Any:
        """Return what `LightningModule.configure_optimizers` returns for these parameters."""
        optimizer = self.optimizer(parameters)
        if self.state is not None:
            (parameter,) = parameters  # the picture
            warm_start(optimizer, parameter, self.state)
        return {
            "optimizer": optimizer,
            "lr_scheduler": lr_schedulers.configure(self.scheduler, optimizer, steps=self.steps),
        }
