"""What happens when the loss or the picture is no longer finite."""

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

    Args:
        parameter: The single parameter.
        optimizer: Its optimiser.
    """

    def __init__(self, parameter: nn.Parameter, optimizer: Optimizer) -> None:
        self.parameter = parameter
        self.backup = parameter.detach().clone() if isinstance(optimizer, torch.optim.LBFGS) else None

    def before_step(self, loss: Tensor | None, step: int) -> None:
        """Raise DivergedError if the step would spoil the picture.

        Args:
            loss: A scalar.
            step: Its number, for the message.
        """
        if self.backup is None and not (_finite(loss) and _finite(self.parameter.grad)):
            raise _diverged(loss, step, "the last good picture is kept")

    def after_step(self, loss: Tensor | None, step: int) -> None:
        """Raise DivergedError if the step has spoilt the picture; arguments as for `before_step`."""
        if not (_finite(self.parameter) and _finite(loss)):
            if self.backup is None:
                raise _diverged(loss, step, "no picture is left")
            self.parameter.data.copy_(self.backup)
            raise _diverged(loss, step, "the last good picture is kept")
        if self.backup is not None:
            self.backup.copy_(self.parameter.detach())


def _finite(values: Tensor | None) -> bool:
    """Whether all values are finite, without a copy of them."""
    return values is not None and all(bool(torch.isfinite(value)) for value in values.detach().aminmax())


def _diverged(loss: Tensor | None, step: int, rest: str) -> DivergedError:
    return DivergedError(
        f"the loss is {loss:g} at step {step}: not a number; lower optimizer.lr or the weights, or use "
        f"optimizer=adam; {rest}"
    )
