"""One picture on several processes: which tiles each of them measures, and sums over all with the right gradient."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Item = TypeVar("Item")


@dataclass(frozen=True)
class Ranks:
    """This process among those that work on one picture.

    Attributes:
        rank: Its number, from 0.
        world_size: How many processes there are.
    """

    rank: int
    world_size: int

    def own(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the items that this process works on: every `world_size`-th, starting at `rank`."""
        return items[self.rank :: self.world_size]

    def sum(self, values: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the values summed over all processes, bit for bit the same in each; see `all_sum`."""
        return all_sum(values) if self.world_size > 1 else values

    def broadcast(self, number: int, device: torch.device) -> int:
        """Return the number of rank 0 in every process, for what depends on the machine but must be the same in all."""
        if self.world_size == 1:
            return number
        value = torch.tensor(number, device=device)
        dist.broadcast(value, 0)
        return int(value)


SINGLE_PROCESS = Ranks(0, 1)


def leave() -> None:
    """Leave the group of the processes that worked on one picture, if there was one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def all_sum(values: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return tensors summed over all processes, with one all-reduce for each dtype.

    Every process computes the same loss from the sum, so the incoming gradient is the same in all, and each passes it
    on to its own summand. DistributedDataParallel then averages the gradients over the processes, where their sum is
    wanted; to undo that, the backward pass multiplies by the number of processes.
    """
    out: list[Tensor] = list(values)
    for dtype in dict.fromkeys(value.dtype for value in values):  # in the same order in every process
        chosen = [i for i, value in enumerate(values) if value.dtype == dtype]
        flat = torch.cat([values[i].reshape(-1) for i in chosen])
        pieces = torch.split(_AllReduce.apply(flat), [values[i].numel() for i in chosen])
        for i, piece in zip(chosen, pieces, strict=True):
            out[i] = piece.view(values[i].shape)
    return out


class _AllReduce(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        value = value.clone()
        dist.all_reduce(value)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * dist.get_world_size()
