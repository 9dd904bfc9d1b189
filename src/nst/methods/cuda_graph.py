"""Losses and gradient of a step as one CUDA graph: the host starts two graphs instead of some two hundred kernels."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from nst.objective import Objective

log = logging.getLogger(__name__)
Losses = Callable[[Tensor], tuple[Tensor, Any]]
"""Parameter -> total loss, a scalar, and other tensors without a gradient."""
CHOICES = ("auto", "off")
RTOL = 1e-3
"""How far the loss of a graph may be from the one that it was recorded from."""


def wanted(choice: str, objective: Objective, image: Tensor, *, processes: int) -> bool:
    """Return whether a level's losses are recorded.

    A graph repeats the kernels that were recorded, so every step must be the same computation: losses that draw
    positions anew, wait for the host, or are summed over tiles are not.

    Args:
        choice: `auto` or `off`.
        objective: The losses.
        image: Of the level, (1, 3, H, W).
        processes: How many work on it.
    """
    if choice == "off" or image.device.type != "cuda" or processes > 1:
        return False
    return objective.plan.windows(image) is None and all(term.static for _, term in objective.named())


def record(losses: Losses, pixels: nn.Parameter, precision: AbstractContextManager[Any]) -> Losses:
    """Return losses that replay a graph of themselves; themselves, with a warning, where that fails.

    The replayed loss is compared with the recorded one once, before any step.

    Args:
        losses: Computes the same kernels at every call.
        pixels: Its argument at every call.
        precision: Under which it is called: automatic mixed precision, or nothing.

    Source: `torch.cuda.make_graphed_callables`.
    """
    cached = torch.is_autocast_cache_enabled()
    try:
        with precision:
            torch.set_autocast_cache_enabled(False)  # a graph would keep the address of a weight that the cache drops
            expected = losses(pixels)[0].detach()
            graph: Losses = torch.cuda.make_graphed_callables(losses, (pixels,))  # type: ignore[assignment]
            seen = graph(pixels)[0].detach()
    except RuntimeError as error:  # lack of memory, or an operator that can't be recorded
        log.warning("the steps run without a CUDA graph: %s", str(error).partition("\n")[0])
        return losses
    finally:
        torch.set_autocast_cache_enabled(cached)
    if not torch.allclose(seen, expected, rtol=RTOL):
        log.warning("the steps run without a CUDA graph: its loss is %g, not %g", seen, expected)
        return losses
    return graph
