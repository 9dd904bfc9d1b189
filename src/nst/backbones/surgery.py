"""Changes to a torchvision network before it is frozen: ReLUs out of place, another pooling, another padding."""

import copy

from torch import Tensor, nn
from torch.fx import GraphModule


def out_of_place(network: nn.Module) -> None:
    """Make every activation module write to a new tensor, so that `conv4_2` is not overwritten by its ReLU."""
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # type: ignore[assignment]


def functions_out_of_place(network: GraphModule) -> None:
    """The same for `F.relu(x, inplace=True)`, as Inception calls it."""
    for node in network.graph.nodes:
        if node.kwargs.get("inplace"):
            node.kwargs = {**node.kwargs, "inplace": False}
    network.recompile()


class _L2Pool(nn.Module):
    """Root of the sum of squares over the windows of a max pooling."""

    def __init__(self, like: nn.MaxPool2d) -> None:
        super().__init__()
        self.average = nn.AvgPool2d(like.kernel_size, like.stride, like.padding, like.ceil_mode, divisor_override=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.average(x.square())
        return out.clamp_min(1e-12).sqrt()


class _Scaled(nn.Module):
    def __init__(self, module: nn.Module, gain: float) -> None:
        super().__init__()
        self.module = module
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.module(x)
        return out * self.gain


def change_pooling(network: nn.Module, pooling: str) -> None:
    """Put `average` or `l2` pooling in the place of max pooling; `_rescaled`: times 2 or 0.78."""
    kind, _, rescaled = pooling.partition("_")
    if kind == "max":
        return
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            average = nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
            pool = average if kind == "average" else _L2Pool(module)
            gain = {"average": 2.0, "l2": 0.78}[kind] if rescaled else 1.0
            owner, _, leaf = name.rpartition(".")
            setattr(network.get_submodule(owner), leaf, _Scaled(pool, gain) if gain != 1 else pool)


def change_padding(network: nn.Module, padding: str) -> None:
    """Pad the first convolution by `replicate` or `reflect` instead of zeros."""
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    if padding != "zeros" and first.padding not in (0, (0, 0)):
        name = next(name for name, module in network.named_modules() if module is first)
        owner, _, leaf = name.rpartition(".")
        setattr(network.get_submodule(owner), leaf, _padded(first, padding))


def _padded(conv: nn.Conv2d, padding: str) -> nn.Module:
    """The same convolution behind an explicit pad."""
    vertical, horizontal = (int(edge) for edge in conv.padding)
    kind = {"replicate": nn.ReplicationPad2d, "reflect": nn.ReflectionPad2d}[padding]
    bare = copy.deepcopy(conv)
    bare.padding = (0, 0)
    return nn.Sequential(kind((horizontal, horizontal, vertical, vertical)), bare)
