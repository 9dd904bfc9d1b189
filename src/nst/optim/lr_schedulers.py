"""Learning-rate schedules over one stage. Any scheduler of `torch.optim.lr_scheduler` can stand beside these."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LRScheduler,
    MultiStepLR,
    ReduceLROnPlateau,
)

Schedule = Callable[..., LRScheduler | dict[str, Any]]
"""(optimiser) -> a scheduler, or Lightning's dictionary of one; with a parameter `steps` if it needs the length."""


def configure(schedule: Schedule, optimizer: Optimizer, *, steps: int) -> dict[str, Any]:
    """Return a schedule as `configure_optimizers` returns it to Lightning, advanced after every optimiser step.

    Args:
        schedule: Makes the scheduler.
        optimizer: Whose learning rate it sets.
        steps: Of the stage; passed on if `schedule` has a parameter of that name.
    """
    length = {"steps": steps} if "steps" in inspect.signature(schedule).parameters else {}
    made = schedule(optimizer, **length)
    return {"interval": "step", "frequency": 1} | (made if isinstance(made, dict) else {"scheduler": made})


def constant(optimizer: Optimizer) -> LRScheduler:
    """Keep the rate."""
    return ConstantLR(optimizer, factor=1.0)


def cosine(optimizer: Optimizer, *, steps: int, final: float) -> LRScheduler:
    """Lower the rate along half a cosine, to `final` times its value at the end of the stage."""
    rate = optimizer.param_groups[0]["lr"]
    return CosineAnnealingLR(optimizer, T_max=max(steps, 1), eta_min=_checked(final) * rate)


def step(optimizer: Optimizer, *, milestones: Sequence[int], factor: float) -> LRScheduler:
    """Multiply the rate by `factor` at each of the steps in `milestones`."""
    return MultiStepLR(optimizer, milestones=list(milestones), gamma=factor)


def exponential(optimizer: Optimizer, *, steps: int, final: float) -> LRScheduler:
    """Multiply the rate by the same factor at every step, to `final` times its value at the end of the stage."""
    return ExponentialLR(optimizer, gamma=_checked(final) ** (1 / max(steps, 1)))


def plateau(optimizer: Optimizer, *, factor: float, patience: int, interval: int) -> dict[str, Any]:
    """Multiply the rate by `factor` if the loss has not fallen for `patience` checks in a row.

    Args:
        optimizer: Whose learning rate is set.
        factor: Below 1.
        patience: Checks without a lower loss.
        interval: Steps between two checks, a multiple of the logging interval.
    """
    scheduler = ReduceLROnPlateau(optimizer, factor=factor, patience=patience)
    return {"scheduler": scheduler, "frequency": interval, "monitor": "loss", "strict": True}


def _checked(final: float) -> float:
    if not 0 < final <= 1:
        raise ValueError(f"scheduler.final is {final:g}; give a fraction of the learning rate over 0 and up to 1")
    return final
