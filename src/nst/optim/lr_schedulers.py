"""Learning rate schedules over one level: each takes the optimiser and the level's steps, as Lightning wants them."""

from collections.abc import Sequence
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


def constant(optimizer: Optimizer, *, steps: int) -> dict[str, Any]:
    """Keep the rate."""
    return _every_step(ConstantLR(optimizer, factor=1.0))


def cosine(optimizer: Optimizer, *, steps: int, final: float) -> dict[str, Any]:
    """Fall along half a cosine to `final` times the rate at the level's end."""
    rate = optimizer.param_groups[0]["lr"]
    return _every_step(CosineAnnealingLR(optimizer, T_max=max(steps, 1), eta_min=_share(final) * rate))


def step(optimizer: Optimizer, *, steps: int, milestones: Sequence[int], factor: float) -> dict[str, Any]:
    """Multiply the rate by `factor` at every step named in `milestones`."""
    return _every_step(MultiStepLR(optimizer, milestones=list(milestones), gamma=factor))


def exponential(optimizer: Optimizer, *, steps: int, final: float) -> dict[str, Any]:
    """Fall by the same factor every step, to `final` times the rate at the level's end."""
    return _every_step(ExponentialLR(optimizer, gamma=_share(final) ** (1 / max(steps, 1))))


def plateau(optimizer: Optimizer, *, steps: int, factor: float, patience: int, interval: int) -> dict[str, Any]:
    """Multiply the rate by `factor` where the loss has not fallen for `patience` looks, one every `interval` steps."""
    scheduler = ReduceLROnPlateau(optimizer, factor=factor, patience=patience)
    return {
        "scheduler": scheduler,
        "interval": "step",
        "frequency": interval,
        "monitor": "loss",
        "strict": True,
    }


def _share(final: float) -> float:
    if not 0 < final <= 1:
        raise ValueError(f"scheduler.final is {final:g}; give a share of the learning rate over 0 and up to 1")
    return final


def _every_step(scheduler: LRScheduler) -> dict[str, Any]:
    return {"scheduler": scheduler, "interval": "step", "frequency": 1}
