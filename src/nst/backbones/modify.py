"""Changes to a torchvision network before it is frozen: out-of-place ReLUs, other pooling or padding."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import GraphModule

from nst.utils.deterministic import pad


def out_of_place(network: GraphModule) -> None:
    """Make every activation write to a new tensor, so that `conv4_2` is not overwritten by its ReLU."""
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # type: ignore[assignment]
    for node in network.graph.nodes:
        if "inplace" in node.kwargs:
            node.kwargs = {**node.kwargs, "inplace": False}
    network.recompile()


class Homogeneous(nn.Module):
    """A pooling for which the pool of g x is g times the pool of x, with gains g > 0 of the channels."""


class _L2Pool(Homogeneous):
    """Square root of the sum of squares over the windows of a max pooling."""

    def __init__(self, like: nn.MaxPool2d) -> None:
        super().__init__()
        self.average = nn.AvgPool2d(like.kernel_size, like.stride, like.padding, like.ceil_mode, divisor_override=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.average(x.square())
        return out.clamp_min(1e-12).sqrt()


class _BlurPool(Homogeneous):
    """A binomial low-pass filter and subsampling; every input position has the same weight in the gradient."""

    weight: Tensor

    def __init__(self, edge: int, stride: int, *, padding: int = 0, before: int = 0, ceil_mode: bool = True) -> None:
        super().__init__()
        self.stride, self.ceil_mode = stride, ceil_mode
        self.edges = padding + before, padding  # replicated before the first position and after the last
        line = torch.tensor([float(math.comb(edge - 1, k)) for k in range(edge)])
        self.register_buffer("weight", torch.outer(line, line)[None, None] / line.sum() ** 2, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        before, after = self.edges
        over = [(n + before + after - self.weight.shape[-1]) % self.stride for n in x.shape[-2:]]
        more = [after + (self.stride - n if n and self.ceil_mode else 0) for n in over]
        x = F.pad(x, (before, more[1], before, more[0]), mode="replicate")
        weight = self.weight.to(x.dtype).expand(x.shape[1], -1, -1, -1)
        return F.conv2d(x, weight, stride=self.stride, groups=x.shape[1])


def _blurred(like: nn.MaxPool2d) -> _BlurPool:
    edge, stride, padding = (_square(value) for value in (like.kernel_size, like.stride, like.padding))
    return _BlurPool(edge, stride, padding=padding, ceil_mode=like.ceil_mode)


def _square(edge: int | tuple[int, ...]) -> int:
    (one,) = {edge} if isinstance(edge, int) else set(edge)
    return one


class _Scaled(Homogeneous):
    def __init__(self, module: nn.Module, gain: float) -> None:
        super().__init__()
        self.module = module
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.module(x)
        return out * self.gain


def _average(like: nn.MaxPool2d) -> nn.AvgPool2d:
    return nn.AvgPool2d(like.kernel_size, like.stride, like.padding, like.ceil_mode)


POOLS: dict[str, Callable[[nn.MaxPool2d], nn.Module]] = {"average": _average, "l2": _L2Pool, "blur": _blurred}


def change_pooling(network: nn.Module, pooling: str) -> None:
    """Replace max pooling by `average`, `l2` or `blur`; `_rescaled` multiplies by 2 (average) or 0.78 (l2)."""
    kind, _, rescaled = pooling.partition("_")
    if kind == "max":
        return
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            pool = POOLS[kind](module)
            gain = {"average": 2.0, "l2": 0.78}[kind] if rescaled else 1.0
            owner, _, leaf = name.rpartition(".")
            setattr(network.get_submodule(owner), leaf, _Scaled(pool, gain) if gain != 1 else pool)
    if kind == "blur":
        _delay_stride(network)


def _delay_stride(network: nn.Module) -> None:
    """Move the stride of the first convolution after its ReLU, with a blur, so that it sees every position alike."""
    modules = dict(network.named_modules())
    first = next(module for module in modules.values() if isinstance(module, nn.Conv2d))
    name = next((name for name, module in modules.items() if isinstance(module, nn.ReLU)), None)
    stride = _square(first.stride)
    if stride == 1 or name is None:
        return
    first.stride = (1, 1)
    owner, _, leaf = name.rpartition(".")
    blur = _BlurPool(2 * stride - 1, stride, before=stride - 1)  # positions stay where they were
    setattr(network.get_submodule(owner), leaf, nn.Sequential(nn.ReLU(), blur))


class PaddedConv2d(nn.Conv2d):
    """A convolution that pads by `nst.utils.deterministic.pad`."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        down, across = (int(n) for n in self.padding)
        padded = pad(input, (down, across), self.padding_mode)
        return F.conv2d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)


def change_padding(network: nn.Module, padding: str) -> None:
    """Pad the first convolution, or all with `_all`, by `replicate` or `reflect` instead of zeros."""
    kind, _, everywhere = padding.partition("_")
    if kind == "zeros":
        return
    padded = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    for conv in padded if everywhere else padded[:1]:
        if any(int(edge) for edge in conv.padding):
            conv.padding_mode = kind  # type: ignore[assignment]
            conv.__class__ = PaddedConv2d  # its weights and its name stay
