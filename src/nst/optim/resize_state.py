"""What an optimiser remembers of one level, brought to the size of the next."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor

State = dict[Any, Any]
"""What `Optimizer.state` holds for the single parameter: name -> tensor or number."""

KNOWN = {"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "square_avg", "momentum_buffer", "grad_avg", "acc_delta"}
SQUARES = {"exp_avg_sq", "max_exp_avg_sq", "square_avg", "acc_delta"}


def resized(state: State, size: tuple[int, int]) -> State:
    """Return the state with its maps resampled; the step counter is kept.

    First moments are resampled bicubically; squares bilinearly and then rectified, so that none is below 0.

    Args:
        state: Of Adam, RMSprop, SGD with momentum and their kin: maps are (1, 3, H, W).
        size: (height, width), pixels.

    Raises:
        ValueError: The optimiser remembers something that has no size, as L-BFGS does.

    Source: crowsonkb/style-transfer-pytorch.
    """
    strange = sorted(str(name) for name in set(state) - KNOWN)
    if strange:
        raise ValueError(
            f"method.moments=resized can't resize what this optimiser remembers ({strange[0]}); "
            f"give method.moments=fresh or optimizer=adam"
        )
    return {name: _resized(name, value, size) for name, value in state.items()}


def _resized(name: str, value: Any, size: tuple[int, int]) -> Any:
    if not isinstance(value, Tensor):
        return value
    if value.dim() != 4:
        return value.detach().clone()
    if name in SQUARES:
        return F.interpolate(value.detach(), size, mode="bilinear", align_corners=False).relu()
    return F.interpolate(value.detach(), size, mode="bicubic", align_corners=False)
