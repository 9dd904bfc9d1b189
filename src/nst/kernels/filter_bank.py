"""A bank of small filters over maps of one channel: responses, rectified, halved; in torch, and in C."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from nst.kernels import compiled


class Wanted(NamedTuple):
    """Which of the responses are wanted: see `Responses`."""

    signed: bool = False
    rectified: bool = False
    halved: bool = False


class Responses(NamedTuple):
    """What K filters make of (N, C, h, w).

    Attributes:
        signed: As they are, (N, C, K, h, w).
        rectified: Relu of every response and of its negative, (N, 2, C, K, h, w).
        halved: Means over squares of 2 x 2 of the first channel's, rectified, (N, 2, K, h / 2, w / 2), rounded up.
    """

    signed: Tensor | None
    rectified: Tensor | None
    halved: Tensor | None


NOTHING = Responses(None, None, None)


def respond(maps: Tensor, bank: Tensor, wanted: Wanted) -> Responses:
    """Filter every channel of maps, (N, C, h, w), reflected round their edges, with a bank, (K, 1, edge, edge).

    In float32 on a processor both ways are C: the gradient of 16 rectified responses to one channel takes a fifth of
    the time that torch's convolution, concatenations and rectifiers take, and their masks no memory.

    Args:
        maps: Of any size.
        bank: Filters of an odd edge, pixels; frozen.
        wanted: What is made; the rest is None.
    """
    if not any(wanted):
        return NOTHING
    padded = border(maps, bank.shape[-1] // 2)
    plain = padded.device.type == "cpu" and padded.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    if plain and compiled.library() is not None:
        return Responses(*_Compiled.apply(padded, bank, wanted))
    n, c, *size = padded.shape
    signed = F.conv2d(padded.reshape(n * c, 1, *size), bank).view(n, c, len(bank), *maps.shape[-2:])
    if not (wanted.rectified or wanted.halved):
        return Responses(signed, None, None)
    rectified = torch.stack([signed.relu(), (-signed).relu()], dim=1)
    halved = F.avg_pool2d(rectified[:, :, 0].flatten(1, 2), 2, ceil_mode=True)
    halved = halved.view(n, 2, len(bank), *halved.shape[-2:])
    return Responses(signed, rectified, halved)


def border(maps: Tensor, width: int) -> Tensor:
    """Reflect the maps round their edges, which shows no frame; repeat the edge where a map is too small for that."""
    return F.pad(maps, (width,) * 4, mode="reflect" if min(maps.shape[-2:]) > width else "replicate")


class _Compiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, padded: Tensor, bank: Tensor, wanted: Wanted) -> tuple[Tensor | None, ...]:
        padded, k, edge = padded.contiguous(), len(bank), bank.shape[-1]
        n, c, height, width = padded.shape
        h, w = height - edge + 1, width - edge + 1
        ctx.sizes, ctx.bank = (n, c, h, w, edge, k), bank
        signed = padded.new_empty(n, c, k, h, w) if wanted.signed else None
        rectified = padded.new_empty(n, 2, c, k, h, w) if wanted.rectified or wanted.halved else None
        halved = padded.new_empty(n, 2, k, (h + 1) // 2, (w + 1) // 2) if wanted.halved else None
        filters = bank.flatten(1).T.contiguous()
        made = [compiled.values(one) for one in (signed, rectified, halved)]
        compiled.needed().responses(padded.data_ptr(), filters.data_ptr(), *made, *ctx.sizes, torch.get_num_threads())
        ctx.save_for_backward(rectified)
        ctx.set_materialize_grads(False)
        return signed, rectified if wanted.rectified else None, halved

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor, None, None]:
        n, c, h, w, edge, _ = ctx.sizes
        given = [None if one is None else one.contiguous() for one in gradients]
        out = ctx.bank.new_empty(n, c, h + edge - 1, w + edge - 1)
        filters = ctx.bank.contiguous()
        read = [compiled.values(one) for one in (*ctx.saved_tensors, *given, filters)]
        if compiled.needed().responses_gradient(*read, out.data_ptr(), *ctx.sizes, torch.get_num_threads()):
            raise MemoryError(f"no memory for the gradient of {c} maps of {w} x {h} pixels")
        return out, None, None
