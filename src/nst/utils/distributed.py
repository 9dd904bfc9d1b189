"""One picture, several processes: who measures which tiles, and the sum over all of them with the right backward."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Tile = TypeVar("Tile")


@dataclass(frozen=True)
class Share:
    """A process's share of a picture.

    Attributes:
        rank: Its number, from 0.
        world: How many there are.
    """

    rank: int
    world: int

    def of(self, tiles: Sequence[Tile]) -> Sequence[Tile]:
        """Return every world-th tile, beginning with the process's own number."""
        return tiles[self.rank :: self.world]

    def total(self, values: Sequence[Tensor]) -> Sequence[Tensor]:
        """Sum what was measured over all processes; the same numbers, bit for bit, in each."""
        return all_sum(values) if self.world > 1 else values

    def agreed(self, number: int, device: torch.device) -> int:
        """Return the first process's number in each of them: what one measures of its machine must hold for all."""
        if self.world == 1:
            return number
        value = torch.tensor(number, device=device)
        dist.broadcast(value, 0)
        return int(value)


ALONE = Share(0, 1)


def all_sum(values: Sequence[Tensor]) -> Sequence[Tensor]:
    """Sum tensors over all processes, in one message for each dtype.

    Every process goes on to the same loss of the sum, so the gradient that comes back is the same in each, and it is
    passed on to each one's own part. DistributedDataParallel then takes the mean over processes where the sum of the
    parts is wanted: the backward pass multiplies by their number.
    """
    out: list[Tensor] = list(values)
    for kind in {value.dtype for value in values}:
        chosen = [i for i, value in enumerate(values) if value.dtype == kind]
        flat = torch.cat([values[i].reshape(-1) for i in chosen])
        pieces = torch.split(_Sum.apply(flat), [values[i].numel() for i in chosen])
        for i, piece in zip(chosen, pieces, strict=True):
            out[i] = piece.view(values[i].shape)
    return out


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        value = value.clone()
        dist.all_reduce(value)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * dist.get_world_size()
