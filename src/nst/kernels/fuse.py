"""Faster operators in the places of a frozen network's own; no value changes but for rounding."""

import operator
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import nn
from torch.fx import GraphModule, Node
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nst.kernels import max_pool, winograd
from nst.kernels.conv_relu import Convolution, Joined
from nst.kernels.winograd import Winograd

M = TypeVar("M", bound=nn.Module)


def fuse(network: GraphModule, *, convolution: str, memory: str) -> None:
    """Let operators take what is beside them, and put faster ones in their places.

    Args:
        network: Frozen, its parameters filled in; a layer in use is read by the graph's output.
        convolution: `winograd`: fewer products where that is faster; or `direct`.
        memory: `channels_last`: norms become part of their convolutions, rectifiers of the convolutions, pools or
            concatenations beside them; `contiguous`: nothing of that, for ours know only the other order.
    """
    if memory == "channels_last":
        _norms(network)
        _pools(network)
        _concatenations(network)
    _convolutions(network, fewer=convolution == "winograd", fused=memory == "channels_last")
    _taps(network)
    network.recompile()


def _norms(network: GraphModule) -> None:
    for node, norm in _calls(network, nn.BatchNorm2d):
        before = node.all_input_nodes[0]
        maker = dict(_calls(network, nn.Conv2d)).get(before)
        if maker is None or len(before.users) > 1:
            continue
        _replace(network, before, fuse_conv_bn_eval(maker, norm).requires_grad_(False))
        node.replace_all_uses_with(before)
        network.graph.erase_node(node)


def _pools(network: GraphModule) -> None:
    for node, module in _calls(network, nn.MaxPool2d):
        if max_pool.fits(module):
            before = node.all_input_nodes[0]
            hidden = _is_rectifier(network, before) and len(before.users) == 1
            _replace(network, node, max_pool.Pool(module, rectify=hidden))
            if hidden:
                node.args = before.args[:1]
                network.graph.erase_node(before)


def _concatenations(network: GraphModule) -> None:
    for number, node in enumerate(list(network.graph.nodes)):
        if node.op != "call_function" or node.target is not torch.cat or node.args[1:] != (1,):
            continue
        rectifiers = node.all_input_nodes
        if rectifiers != list(node.args[0]) or not all(
            _is_rectifier(network, one) and len(one.users) == 1 for one in rectifiers
        ):
            continue
        name = f"joined_{number}"
        network.add_submodule(name, Joined())
        with network.graph.inserting_before(node):
            joined = network.graph.call_module(name, tuple(one.all_input_nodes[0] for one in rectifiers))
        node.replace_all_uses_with(joined)
        for old in (node, *rectifiers):
            network.graph.erase_node(old)


def _convolutions(network: GraphModule, *, fewer: bool, fused: bool) -> None:
    for node, module in _calls(network, nn.Conv2d):
        behind = [user for user in node.users if _is_rectifier(network, user)]
        hides = len(behind) == len(node.users) == 1
        if fewer and winograd.fits(module):
            _replace(network, node, Winograd(module, rectify=hides))
        elif fused:
            _replace(network, node, Convolution(module, rectify=hides))
        else:
            continue
        if hides:
            behind[0].replace_all_uses_with(node)
            network.graph.erase_node(behind[0])


def _taps(network: GraphModule) -> None:
    """Give a layer in use twice where it is read by others as well, so that its two gradients come back apart."""
    several: list[tuple[Node, Convolution | Joined]] = [*_calls(network, Convolution), *_calls(network, Joined)]
    for node, module in several:
        losses = [user for user in node.users if user.op == "output"]
        others = [user for user in node.users if user.op != "output"]
        if not losses or not others or not (isinstance(module, Joined) or module.rectify):
            continue
        module.taps = True
        with network.graph.inserting_after(node):
            pair = [network.graph.call_function(operator.getitem, (node, i)) for i in (0, 1)]
        for user, one in [*((user, pair[0]) for user in others), *((user, pair[1]) for user in losses)]:
            user.replace_input_with(node, one)


def _calls(network: GraphModule, kind: type[M]) -> Iterator[tuple[Node, M]]:
    """Calls of those modules of a kind that are called once."""
    calls = Counter(node.target for node in network.graph.nodes if node.op == "call_module")
    for node in list(network.graph.nodes):
        if node.op == "call_module" and calls[node.target] == 1:
            module = network.get_submodule(str(node.target))
            if isinstance(module, kind):
                yield node, module


def _replace(network: GraphModule, node: Node, module: nn.Module) -> None:
    owner, _, leaf = str(node.target).rpartition(".")
    setattr(network.get_submodule(owner), leaf, module)


RECTIFIERS: tuple[Callable[..., object], ...] = (F.relu, torch.relu)


def _is_rectifier(network: GraphModule, node: Node) -> bool:
    if node.op == "call_module":
        return isinstance(network.get_submodule(str(node.target)), nn.ReLU)
    return node.op == "call_function" and node.target in RECTIFIERS
