"""What L-BFGS needs and other optimisers do not."""

import torch
from torch import Tensor


def add_to_last_step(optimizer: torch.optim.LBFGS, parameter: Tensor, move: Tensor) -> None:
    """Tell L-BFGS that its parameter was moved from outside, after its last step.

    L-BFGS takes its last step, `t d`, for the difference of two iterates. If the second one has been moved, by a clamp
    say, the step no longer matches the difference of the gradients, and its curvature may come out close to 0: the next
    direction is then far too long. The move is therefore added to the step.

    Args:
        optimizer: Between two steps.
        parameter: Its single parameter.
        move: The difference, of the parameter's shape.
    """
    state = optimizer.state.get(parameter, {})
    if state.get("t"):
        state["d"] = state["d"] + move.flatten() / state["t"]
