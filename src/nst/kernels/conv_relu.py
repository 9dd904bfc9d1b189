"""Rectifiers in one operator with what is beside them: a convolution, or others in one map; for frozen networks."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nst.kernels import compiled, onednn

Taps = Tensor | tuple[Tensor, Tensor]
"""A map; or the same twice, for the layers behind and for the losses: their gradients are added on the way back."""


class _Kept(dict[str, Any]):
    """What a frozen convolution's parameters become in one precision: references are taken in another than steps.

    A copy begins without it, for oneDNN's order of weights can't be copied.
    """

    kind: torch.dtype | None = None

    def get_or_make(self, name: str, kind: torch.dtype, make: Callable[[], Any]) -> Any:
        if kind != self.kind:
            self.clear()
            self.kind = kind
        if name not in self:
            self[name] = make()
        return self[name]

    def __reduce__(self) -> Any:
        return type(self), ()


class Convolution(nn.Module):
    """A frozen convolution, and the rectifier behind it where nobody else reads that one's argument.

    A rectifier of its own reads and writes the whole map again: of 64 channels at 512 x 512 in 16 bits it takes two
    thirds of the time of the convolution. On the way back the gradient is cut, and added to the losses' own, in one go.
    The weights are rounded and put into oneDNN's order once, where torch does both at every call; so are they turned,
    for the gradient of a convolution of stride 1 is a convolution.

    What it can't do it leaves to `direct`: other precisions, other devices. What it keeps of the weights does not
    follow a later change of them.

    Args:
        direct: Its padding may be of any kind.
        rectify: Whether a ReLU follows.

    Attributes:
        taps: Whether it gives the map twice, for which it must rectify: see `Taps`.
    """

    def __init__(self, direct: nn.Conv2d, *, rectify: bool = False) -> None:
        super().__init__()
        self.direct = direct
        self.rectify = rectify
        self.taps = False
        self.kept = _Kept()

    def forward(self, x: Tensor) -> Taps:
        """Return (N, O, h, w) of x, (N, C, H, W)."""
        kind = _computed(x)
        if not (_fits(x, kind) and onednn.takes(x.device, kind)):
            out = self.direct(x)
            return twice(out.relu_() if self.rectify else out, self.taps)
        if self.direct.padding_mode != "zeros":
            down, across = (int(n) for n in self.direct.padding)
            x = F.pad(x, (across, across, down, down), mode=self.direct.padding_mode)
        x = x.to(kind)
        ordered = self.kept.get_or_make("ordered", kind, lambda: _Ordered(self.direct, x))
        found: Taps = _Convolved.apply(x, ordered, self.rectify, self.taps)
        return found


class _Ordered:
    """Parameters of a convolution as oneDNN takes them.

    Args:
        direct: The convolution.
        x: Of the precision, and of about the size, that it will have.
    """

    def __init__(self, direct: nn.Conv2d, x: Tensor) -> None:
        padding = [int(n) for n in direct.padding] if direct.padding_mode == "zeros" else [0, 0]
        weight = direct.weight.detach().to(x.dtype)
        self.bias = None if direct.bias is None else direct.bias.detach().to(x.dtype)
        self.numbers: onednn.Numbers = padding, list(direct.stride), list(direct.dilation), direct.groups
        self.forth = onednn.ordered(weight, self.numbers, x.shape)
        back = [edge - 1 - more for edge, more in zip(weight.shape[2:], padding, strict=True)]
        self.back_numbers: onednn.Numbers = back, [1, 1], [1, 1], 1
        self.back, self.weight = None, None
        if self.numbers[1:] == self.back_numbers[1:] and min(back) >= 0:
            turned = weight.flip(2, 3).transpose(0, 1)
            self.back = onednn.ordered(turned, self.back_numbers, [1, turned.shape[1], *x.shape[2:]])
        else:
            self.weight = weight

    def convolve(self, x: Tensor, *, rectify: bool) -> Tensor:
        """Convolve, and rectify."""
        return _innermost(onednn.convolved(x, self.forth, self.bias, self.numbers, rectify=rectify))

    def gradient(self, gradient: Tensor, x: Tensor) -> Tensor:
        """Return the gradient of x."""
        if self.back is not None:
            return _innermost(onednn.convolved(gradient, self.back, None, self.back_numbers))
        padding, stride, dilation, groups = self.numbers
        out: Tensor = torch.ops.aten.convolution_backward(
            gradient, x, self.weight, None, stride, padding, dilation, False, [0, 0], groups, [True, False, False]
        )[0]
        return out


class Joined(nn.Module):
    """Rectifiers of several maps, side by side in one: nothing of them is kept but that.

    Attributes:
        taps: Whether it gives the map twice: see `Taps`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taps = False

    def forward(self, *maps: Tensor) -> Taps:
        """Return (N, sum of C, h, w) of several (N, C, h, w)."""
        if all(_fits(x, x.dtype) for x in maps) and len({x.dtype for x in maps}) == 1:
            out: Taps = _Joined.apply(self.taps, *maps)
            return out
        return twice(torch.cat([x.relu() for x in maps], dim=1), self.taps)


def twice(x: Tensor, taps: bool) -> Taps:
    """Return x, or x twice."""
    return (x, x) if taps else x


def _computed(x: Tensor) -> torch.dtype:
    """The precision that a convolution of x is computed in: autocast's, where that is on."""
    device = x.device.type
    known = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if known else x.dtype


def _fits(x: Tensor, kind: torch.dtype) -> bool:
    plain = x.device.type == "cpu" and kind in (torch.float32, torch.bfloat16)
    return plain and compiled.library() is not None


def _alias(x: Tensor, taps: bool) -> Taps:
    """The same values under another name: what a function returns twice would be one output of it."""
    return (x, x.new_empty(0).set_(x)) if taps else x  # type: ignore[call-overload]


def _innermost(x: Tensor) -> Tensor:
    """The same map with its channels innermost in memory."""
    return x.contiguous(memory_format=torch.channels_last)


def _parted(out: Tensor, gradients: Sequence[Tensor | None], channels: Sequence[int]) -> list[Tensor]:
    """Cut the sum of the gradients of a rectified map where that is 0, and into the maps it was put together from."""
    given = [_innermost(one) for one in gradients if one is not None]
    (n, _, h, w), half = out.shape, out.dtype == torch.bfloat16
    parts = [torch.empty((n, c, h, w), dtype=out.dtype, memory_format=torch.channels_last) for c in channels]
    read = [compiled.values(one) for one in (out, given[0], given[1] if len(given) == 2 else None)]
    compiled.needed().rectify_gradient(*read, *_table(parts), n * h * w, half, torch.get_num_threads())
    return parts


def _table(maps: Sequence[Tensor]) -> tuple[Any, Any, int]:
    """Where maps lie, how many channels each has, and how many there are, for C."""
    places = (ctypes.c_void_p * len(maps))(*(x.data_ptr() for x in maps))
    return places, (ctypes.c_long * len(maps))(*(x.shape[1] for x in maps)), len(maps)


class _Convolved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, ordered: _Ordered, rectify: bool, taps: bool) -> Taps:
        x = _innermost(x)
        out = ordered.convolve(x, rectify=rectify)
        ctx.ordered, ctx.rectify = ordered, rectify
        ctx.save_for_backward(x if ordered.back is None else None, out if rectify else None)
        ctx.set_materialize_grads(False)
        return _alias(out, taps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor, None, None, None]:
        x, out = ctx.saved_tensors
        if ctx.rectify:
            (cut,) = _parted(out, gradients, out.shape[1:2])
        else:
            (given,) = gradients
            assert given is not None
            cut = _innermost(given)
        return ctx.ordered.gradient(cut, x), None, None, None


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, taps: bool, *maps: Tensor) -> Taps:
        maps = tuple(_innermost(x) for x in maps)
        ctx.channels = [x.shape[1] for x in maps]
        (n, _, h, w), like = maps[0].shape, maps[0].dtype
        out = torch.empty((n, sum(ctx.channels), h, w), dtype=like, memory_format=torch.channels_last)
        half, threads = like == torch.bfloat16, torch.get_num_threads()
        compiled.needed().rectify(*_table(maps), n * h * w, out.data_ptr(), half, threads)
        ctx.save_for_backward(out)
        ctx.set_materialize_grads(False)
        return _alias(out, taps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        (out,) = ctx.saved_tensors
        return None, *_parted(out, gradients, ctx.channels)
