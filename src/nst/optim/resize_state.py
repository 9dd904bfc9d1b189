"""The state of an optimiser at the end of a level, resized to start the next one."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

OptimizerState = dict[Any, Any]
"""What `Optimizer.state` holds for the single parameter: name -> tensor or number."""

KNOWN = {"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "square_avg", "momentum_buffer", "grad_avg", "acc_delta"}
SQUARES = {"exp_avg_sq", "max_exp_avg_sq", "square_avg", "acc_delta"}


def warm_start(optimizer: Optimizer, parameter: nn.Parameter, state: OptimizerState) -> None:
    """Start an optimiser with a state of another size.

    Args:
        optimizer: New; of the same kind as the one that the state comes from.
        parameter: Its single parameter, (1, 3, H, W).
        state: See `resized`.
    """
    height, width = parameter.shape[-2:]
    counts_there = optimizer.defaults.get("fused") or optimizer.defaults.get("capturable")  # else on the processor

    def placed(value: Any) -> Any:
        if _is_map(value):
            return value.to(parameter)
        return value.to(parameter.device) if isinstance(value, Tensor) and counts_there else value

    optimizer.state[parameter] = {name: placed(value) for name, value in resized(state, (height, width)).items()}


def resized(state: OptimizerState, size: tuple[int, int]) -> OptimizerState:
    """Return the state with its maps resampled; the step counter is copied.

    First moments are resampled bicubically, second moments bilinearly and clamped at 0.

    Args:
        state: Of Adam, RMSprop, SGD with momentum and the like, whose maps are (1, 3, h, w).
        size: (height, width), pixels.

    Raises:
        ValueError: The state has entries of no known size, as that of L-BFGS has.

    Source: crowsonkb/style-transfer-pytorch.
    """
    unknown = sorted(str(name) for name in set(state) - KNOWN)
    if unknown:
        raise ValueError(
            f"method.moments=resized can't resize the state of this optimiser ({unknown[0]}); "
            f"give method.moments=fresh or optimizer=adam"
        )
    return {name: _resized(name, value, size) for name, value in state.items()}


def _resized(name: str, value: Any, size: tuple[int, int]) -> Any:
    if not isinstance(value, Tensor):
        return value
    if not _is_map(value):
        return value.detach().clone()
    if name in SQUARES:
        return F.interpolate(value.detach(), size, mode="bilinear", align_corners=False).relu()
    return F.interpolate(value.detach(), size, mode="bicubic", align_corners=False)


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() == 4
