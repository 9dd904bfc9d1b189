"""What happens when the loss or the picture is no longer finite."""

import math

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class DivergedError(ArithmeticError):
    """The loss or the picture is not finite."""


class DivergenceGuard:
    """Stops a diverging optimisation, and leaves the last good picture in the parameter where it can.

    Most optimisers evaluate the loss once per step, so a bad loss or gradient is seen before the step is taken. L-BFGS
    evaluates several trial pictures within a step and may recover from a bad one, so it is judged after the step, and
    a copy of the picture before the step is kept.

    On a GPU the host would wait for every look. A fused optimiser is told there by a flag on the device, `found_inf`,
    to take no step any more, so the last good picture stays, and `check` looks at the flag when it is asked to. Apple's
    GPU is looked at in every step: not every torch's fused Adam obeys the flag there.

    Args:
        parameter: The single parameter.
        optimizer: Its optimiser.
    """

    def __init__(self, parameter: nn.Parameter, optimizer: Optimizer) -> None:
        self.parameter = parameter
        self.backup = parameter.detach().clone() if isinstance(optimizer, torch.optim.LBFGS) else None
        self.optimizer = optimizer
        self.found: Tensor | None = None
        if parameter.device.type == "cuda" and optimizer.defaults.get("fused"):
            self.found = torch.zeros((), device=parameter.device)
            self.unscaled = torch.ones((), device=parameter.device)
            optimizer.found_inf = self.found  # type: ignore[attr-defined]

    def before_step(self, loss: Tensor | None, step: int) -> None:
        """Raise DivergedError if the step would spoil the picture, or set the flag.

        Args:
            loss: A scalar.
            step: Its number, for the message.
        """
        if self.found is not None:
            seen = [one for one in (self.parameter.grad, loss) if one is not None]
            torch._amp_foreach_non_finite_check_and_unscale_(seen, self.found, self.unscaled)
        elif self.backup is None and not (_finite(loss) and _finite(self.parameter.grad)):
            raise _diverged(loss, step, "the last good picture is kept")

    def after_step(self, loss: Tensor | None, step: int) -> None:
        """Raise DivergedError if the step has spoilt the picture; arguments as for `before_step`."""
        if self.found is not None:
            return
        if not (_finite(self.parameter) and _finite(loss)):
            if self.backup is None:
                raise _diverged(loss, step, "no picture is left")
            self.parameter.data.copy_(self.backup)
            raise _diverged(loss, step, "the last good picture is kept")
        if self.backup is not None:
            self.backup.copy_(self.parameter.detach())

    def check(self, loss: Tensor | None, first: int) -> None:
        """Raise DivergedError if the flag is set or the picture is spoilt; wait for the device.

        Args:
            loss: Of the last step, a scalar.
            first: Number of the optimiser's first step.
        """
        if self.found is None:
            return
        good = first + int(self.optimizer.state[self.parameter].get("step", 0))  # SGD counts none
        if self.found.item():
            raise _diverged(loss, good, "the last good picture is kept")
        if not _finite(self.parameter):
            raise _diverged(loss, good, "no picture is left")


def _finite(values: Tensor | None) -> bool:
    """Whether all values are finite, without a copy of them."""
    return values is not None and all(bool(torch.isfinite(value)) for value in values.detach().aminmax())


def _diverged(loss: Tensor | None, step: int, rest: str) -> DivergedError:
    value = math.nan if loss is None else float(loss)
    return DivergedError(
        f"the loss is {value:g} at step {step}: not a number; lower optimizer.lr or the weights, or use "
        f"optimizer=adam; {rest}"
    )
