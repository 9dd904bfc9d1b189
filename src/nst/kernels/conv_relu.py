"""Convolution + ReLU, and ReLU + concatenation, each in one operator, for frozen networks."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nst.kernels import compiled, onednn
from nst.kernels.padding import pad

Output = Tensor | tuple[Tensor, Tensor]
"""A map, or two aliases of it: one for the next layers, one for the losses. Backward adds their gradients."""


class FusedConv2d(nn.Module):
    """A frozen convolution, with the ReLU after it where nothing else reads the convolution's output.

    A separate ReLU reads and writes the whole map again: for 64 channels at 512 x 512 in bfloat16 it takes two thirds
    of the time of the convolution. Backward masks the gradient, and adds the losses' gradient, in one pass. The weights
    are rounded and prepacked for oneDNN once, where PyTorch does both at every call. So are the flipped weights: the
    gradient of a convolution of stride 1 is a convolution too.

    Other dtypes and devices are left to `conv`. The cached weights do not follow later changes of the parameters.

    Args:
        conv: With any padding mode.
        relu: Whether a ReLU follows.

    Attributes:
        two_aliases: Whether it returns its output twice (see `Output`); only with `relu`.
    """

    def __init__(self, conv: nn.Conv2d, *, relu: bool = False) -> None:
        super().__init__()
        self.conv = conv
        self.relu = relu
        self.two_aliases = False
        self.cache = _Cache()

    def forward(self, x: Tensor) -> Output:
        """Return (N, O, h, w) of x, (N, C, H, W)."""
        dtype = _conv_dtype(x)
        if not (_compiled_for(x, dtype) and onednn.supports(x.device, dtype)):
            out = self.conv(x)
            return alias(out.relu_() if self.relu else out, self.two_aliases)
        x = x.to(dtype)
        if self.conv.padding_mode != "zeros":
            down, across = (int(n) for n in self.conv.padding)
            x = pad(x, (down, across), self.conv.padding_mode)
        weights = self.cache.get_or_make("packed", dtype, lambda: _PackedWeights(self.conv, x))
        fused: Output = _ConvReLU.apply(x, weights, self.relu, self.two_aliases)
        return fused


class _Cache(dict[str, Any]):
    """What is derived from frozen parameters, for one dtype at a time: references and steps may differ in theirs.

    A copy of it is empty, because prepacked weights can't be copied.
    """

    dtype: torch.dtype | None = None

    def get_or_make(self, name: str, dtype: torch.dtype, make: Callable[[], Any]) -> Any:
        if dtype != self.dtype:
            self.clear()
            self.dtype = dtype
        if name not in self:
            self[name] = make()
        return self[name]

    def __reduce__(self) -> Any:
        return type(self), ()


class _PackedWeights:
    """Parameters of a convolution as oneDNN takes them.

    Args:
        conv: The convolution.
        x: An input of the dtype, and of about the size, that later ones have.
    """

    def __init__(self, conv: nn.Conv2d, x: Tensor) -> None:
        padding = [int(n) for n in conv.padding] if conv.padding_mode == "zeros" else [0, 0]
        weight = conv.weight.detach().to(x.dtype)
        self.bias = None if conv.bias is None else conv.bias.detach().to(x.dtype)
        self.options: onednn.Options = padding, list(conv.stride), list(conv.dilation), conv.groups
        self.packed = onednn.prepack(weight, self.options, x.shape)
        backward_padding = [edge - 1 - n for edge, n in zip(weight.shape[2:], padding, strict=True)]
        self.backward_options: onednn.Options = backward_padding, [1, 1], [1, 1], 1
        self.packed_backward, self.weight = None, None
        if self.options[1:] == self.backward_options[1:] and min(backward_padding) >= 0:
            flipped = weight.flip(2, 3).transpose(0, 1)
            size = [1, flipped.shape[1], *x.shape[2:]]
            self.packed_backward = onednn.prepack(flipped, self.backward_options, size)
        else:
            self.weight = weight

    def convolve(self, x: Tensor, *, relu: bool) -> Tensor:
        """Return the convolution of x, with its ReLU if asked."""
        return _channels_last(onednn.conv2d(x, self.packed, self.bias, self.options, relu=relu))

    def gradient(self, gradient: Tensor, x: Tensor) -> Tensor:
        """Return the gradient of x."""
        if self.packed_backward is not None:
            return _channels_last(onednn.conv2d(gradient, self.packed_backward, None, self.backward_options))
        padding, stride, dilation, groups = self.options
        out: Tensor = torch.ops.aten.convolution_backward(
            gradient, x, self.weight, None, stride, padding, dilation, False, [0, 0], groups, [True, False, False]
        )[0]
        return out


class ReLUCat(nn.Module):
    """`torch.cat([x.relu() for x in maps], dim=1)`; only its result is kept for the gradient.

    Attributes:
        two_aliases: Whether it returns its output twice: see `Output`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.two_aliases = False

    def forward(self, *maps: Tensor) -> Output:
        """Return (N, sum of C, h, w) of several (N, C, h, w)."""
        if all(_compiled_for(x, x.dtype) for x in maps) and len({x.dtype for x in maps}) == 1:
            out: Output = _ReLUCat.apply(self.two_aliases, *maps)
            return out
        return alias(torch.cat([x.relu() for x in maps], dim=1), self.two_aliases)


def alias(x: Tensor, two: bool) -> Output:
    """Return x, or x twice."""
    return (x, x) if two else x


def _conv_dtype(x: Tensor) -> torch.dtype:
    """The dtype that a convolution of x is computed in: autocast's, where that is on."""
    device = x.device.type
    autocast = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if autocast else x.dtype


def _compiled_for(x: Tensor, dtype: torch.dtype) -> bool:
    plain = x.device.type == "cpu" and dtype in (torch.float32, torch.bfloat16)
    return plain and compiled.library() is not None


def _new_alias(x: Tensor, two: bool) -> Output:
    """Like `alias`, from within an autograd function, which would take the same tensor twice for one output."""
    return (x, x.new_empty(0).set_(x)) if two else x  # type: ignore[call-overload]


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _relu_backward(out: Tensor, gradients: Sequence[Tensor | None], channels: Sequence[int]) -> list[Tensor]:
    """Add the gradients of `out`, mask the sum where `out` is 0, and split it into parts of these channels."""
    given = [_channels_last(one) for one in gradients if one is not None]
    (n, _, h, w), is_bfloat16 = out.shape, out.dtype == torch.bfloat16
    parts = [torch.empty((n, c, h, w), dtype=out.dtype, memory_format=torch.channels_last) for c in channels]
    read = [compiled.address(one) for one in (out, given[0], given[1] if len(given) == 2 else None)]
    compiled.needed().relu_cat_backward(*read, *_table(parts), n * h * w, is_bfloat16, torch.get_num_threads())
    return parts


def _table(maps: Sequence[Tensor]) -> tuple[Any, Any, int]:
    """Addresses, numbers of channels and number of maps, for C."""
    addresses = (ctypes.c_void_p * len(maps))(*(x.data_ptr() for x in maps))
    return addresses, (ctypes.c_long * len(maps))(*(x.shape[1] for x in maps)), len(maps)


class _ConvReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: _PackedWeights, relu: bool, two_aliases: bool) -> Output:
        x = _channels_last(x)
        out = weights.convolve(x, relu=relu)
        ctx.weights, ctx.relu = weights, relu
        ctx.save_for_backward(x if weights.packed_backward is None else None, out if relu else None)
        ctx.set_materialize_grads(False)
        return _new_alias(out, two_aliases)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor, None, None, None]:
        x, out = ctx.saved_tensors
        if ctx.relu:
            (masked,) = _relu_backward(out, gradients, out.shape[1:2])
        else:
            (gradient,) = gradients
            assert gradient is not None
            masked = _channels_last(gradient)
        return ctx.weights.gradient(masked, x), None, None, None


class _ReLUCat(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, two_aliases: bool, *maps: Tensor) -> Output:
        maps = tuple(_channels_last(x) for x in maps)
        ctx.channels = [x.shape[1] for x in maps]
        (n, _, h, w), dtype = maps[0].shape, maps[0].dtype
        out = torch.empty((n, sum(ctx.channels), h, w), dtype=dtype, memory_format=torch.channels_last)
        is_bfloat16, threads = dtype == torch.bfloat16, torch.get_num_threads()
        compiled.needed().relu_cat(*_table(maps), n * h * w, out.data_ptr(), is_bfloat16, threads)
        ctx.save_for_backward(out)
        ctx.set_materialize_grads(False)
        return _new_alias(out, two_aliases)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        (out,) = ctx.saved_tensors
        return None, *_relu_backward(out, gradients, ctx.channels)
