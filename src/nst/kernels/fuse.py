"""Rewrites the graph of a frozen network to faster operators; values change by rounding alone."""

import operator
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import GraphModule, Node
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nst.kernels import max_pool, winograd
from nst.kernels.conv_relu import FusedConv2d, ReLUCat
from nst.kernels.switch import enabled

M = TypeVar("M", bound=nn.Module)
RELUS: tuple[Callable[..., object], ...] = (F.relu, torch.relu)
WINOGRAD_SHARE = 0.75  # of a network's weights: VGG has 0.95 and more, SqueezeNet 0.65 and ResNet-50 0.5 at most


def optimize(network: GraphModule) -> None:
    """Replace operators of a frozen network by faster ones, in place; with `kernels=off` leave it as it is.

    * Maps are channels-last.
    * A batch norm goes into the weights of its convolution. A ReLU goes into the convolution, max pooling or
      concatenation beside it if nothing else reads its argument; a ReLU that remains works in-place if it may.
    * 3 x 3 convolutions take Winograd's algorithm where they hold most of the network's weights, as in VGG.
    * On a CPU all features are NaN if the input is not finite, because oneDNN's fused ReLU turns NaN into 0.

    Args:
        network: With its parameters filled in, and a dict of features as its output.
    """
    if not enabled():
        return
    _work_in_place(network)
    network.to(memory_format=torch.channels_last)
    _fold_batch_norms(network)
    _fuse_max_pools(network)
    _fuse_concatenations(network)
    _fuse_convolutions(network)
    _separate_losses(network)
    _frame(network)
    network.recompile()


def _work_in_place(network: GraphModule) -> None:
    """Let a ReLU overwrite a map that nothing else reads, if its maker, a convolution or norm, does not need it either.

    It saves the memory of a map, and the time to write it.
    """
    alone: dict[str, bool] = {}
    for node in network.graph.nodes:
        if node.op == "call_module" and isinstance(network.get_submodule(str(node.target)), nn.ReLU):
            name = str(node.target)
            alone[name] = alone.get(name, True) and _is_overwritable(network, node.args[0])  # may be called twice
        elif "inplace" in node.kwargs:
            node.kwargs = {**node.kwargs, "inplace": _is_overwritable(network, node.args[0])}
    for name, inplace in alone.items():
        network.get_submodule(name).inplace = inplace  # type: ignore[assignment]


def _is_overwritable(network: GraphModule, node: Node) -> bool:
    maker = network.get_submodule(str(node.target)) if node.op == "call_module" else None
    return len(node.users) == 1 and isinstance(maker, nn.Conv2d | nn.BatchNorm2d)


def _fold_batch_norms(network: GraphModule) -> None:
    for node, norm in _calls(network, nn.BatchNorm2d):
        before = node.all_input_nodes[0]
        conv = dict(_calls(network, nn.Conv2d)).get(before)
        if conv is None or len(before.users) > 1:
            continue
        _replace(network, before, fuse_conv_bn_eval(conv, norm).requires_grad_(False))
        node.replace_all_uses_with(before)
        network.graph.erase_node(node)


def _fuse_max_pools(network: GraphModule) -> None:
    for node, pool in _calls(network, nn.MaxPool2d):
        if max_pool.fits(pool):
            before = node.all_input_nodes[0]
            relu = _is_relu(network, before) and len(before.users) == 1
            _replace(network, node, max_pool.FusedMaxPool2d(pool, relu=relu))
            if relu:
                node.args = before.args[:1]
                network.graph.erase_node(before)


def _fuse_concatenations(network: GraphModule) -> None:
    for number, node in enumerate(list(network.graph.nodes)):
        if node.op != "call_function" or node.target is not torch.cat or node.args[1:] != (1,):
            continue
        relus = node.all_input_nodes  # without duplicates
        if relus != list(node.args[0]) or not all(_is_relu(network, one) and len(one.users) == 1 for one in relus):
            continue
        name = f"relu_cat_{number}"
        network.add_submodule(name, ReLUCat())
        with network.graph.inserting_before(node):
            fused = network.graph.call_module(name, tuple(one.all_input_nodes[0] for one in relus))
        node.replace_all_uses_with(fused)
        for old in (node, *relus):
            network.graph.erase_node(old)


def _fuse_convolutions(network: GraphModule) -> None:
    convolutions = list(_calls(network, nn.Conv2d))
    weights = {conv: conv.weight.numel() for _, conv in convolutions}
    suited = sum(count for conv, count in weights.items() if winograd.fits(conv))
    by_winograd = suited >= WINOGRAD_SHARE * sum(weights.values())
    for node, conv in convolutions:
        relus = [user for user in node.users if _is_relu(network, user)]
        fused = len(relus) == len(node.users) == 1
        kind = winograd.WinogradConv2d if by_winograd and winograd.fits(conv) else FusedConv2d
        _replace(network, node, kind(conv, relu=fused))
        if fused:
            relus[0].replace_all_uses_with(node)
            network.graph.erase_node(relus[0])


def _separate_losses(network: GraphModule) -> None:
    """Give the losses and the next layers an alias each of a feature that both read: backward adds their gradients."""
    fused: list[tuple[Node, FusedConv2d | ReLUCat]] = [*_calls(network, FusedConv2d), *_calls(network, ReLUCat)]
    for node, module in fused:
        losses = [user for user in node.users if user.op == "output"]
        layers = [user for user in node.users if user.op != "output"]
        if not losses or not layers or not (isinstance(module, ReLUCat) or module.relu):
            continue
        module.two_aliases = True
        with network.graph.inserting_after(node):
            aliases = [network.graph.call_function(operator.getitem, (node, i)) for i in (0, 1)]
        for user, one in [*((user, aliases[0]) for user in layers), *((user, aliases[1]) for user in losses)]:
            user.replace_input_with(node, one)


def _frame(network: GraphModule) -> None:
    """Convert the input to channels-last, and mark the features of an input that is not finite."""
    graph = network.graph
    (x,) = (node for node in graph.nodes if node.op == "placeholder")
    (output,) = (node for node in graph.nodes if node.op == "output")
    with graph.inserting_after(x):
        converted = graph.call_function(laid_out, (x,))
    x.replace_all_uses_with(converted, delete_user_cb=lambda user: user is not converted)
    with graph.inserting_before(output):
        output.args = (graph.call_function(nan_unless_finite, (output.args[0], converted)),)


def laid_out(x: Tensor) -> Tensor:
    """Return an input in channels-last, the layout of fast convolutions; on Apple's GPU in torch's default layout."""
    return x.contiguous(memory_format=torch.contiguous_format if x.device.type == "mps" else torch.channels_last)


def nan_unless_finite(features: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """Return the features of an input x; on a CPU, except in float64, all are NaN where x is not finite."""
    if x.device.type == "cpu" and x.dtype != torch.float64 and not x.detach().sum().isfinite():
        return {name: value * torch.nan for name, value in features.items()}
    return features


def _calls(network: GraphModule, kind: type[M]) -> Iterator[tuple[Node, M]]:
    """Calls of the modules of a kind that are called once."""
    calls = Counter(node.target for node in network.graph.nodes if node.op == "call_module")
    for node in list(network.graph.nodes):
        if node.op == "call_module" and calls[node.target] == 1:
            module = network.get_submodule(str(node.target))
            if isinstance(module, kind):
                yield node, module


def _replace(network: GraphModule, node: Node, module: nn.Module) -> None:
    owner, _, name = str(node.target).rpartition(".")
    setattr(network.get_submodule(owner), name, module)


def _is_relu(network: GraphModule, node: Node) -> bool:
    if node.op == "call_module":
        return isinstance(network.get_submodule(str(node.target)), nn.ReLU)
    return node.op == "call_function" and node.target in RELUS
