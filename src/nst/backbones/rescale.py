"""Rescale the filters of a network to a mean activation of 1, without changing what it computes otherwise."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node

from nst.backbones import modify
from nst.data import image_io
from nst.data.library import sample
from nst.utils.files import user_path

SCALES = ("none", "unit", "unit_layer")
EDGE = 256  # pixels: longer pictures are reduced to it; mean activations hardly depend on it
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
KEEPING = (nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Dropout, nn.Identity, nn.Sequential, modify.Homogeneous)
"""Modules f with f(g x) = g f(x) for gains g > 0 of the channels."""
KEEPING_FUNCTIONS = (torch.relu, torch.nn.functional.relu, torch.nn.functional.max_pool2d, torch.nn.functional.dropout)


def photographs(paths: Sequence[str] | None) -> list[Tensor]:
    """Return pictures over which activations are averaged, [0, 1] RGB, (1, 3, H, W).

    Args:
        paths: Their files; None: four photographs of scikit-image.
    """
    files = [sample(name) for name in PHOTOGRAPHS] if paths is None else [user_path(path) for path in paths]
    if not files:
        raise ValueError("backbone.scale_pictures is an empty list; give picture files, or null for the default ones")
    return [image_io.reduced(image_io.load(file).rgb, EDGE) for file in files]


@torch.no_grad()
def rescale(network: GraphModule, inputs: Sequence[Tensor], *, by_layer: bool) -> None:
    """Multiply the output of every convolution by a gain, and divide it out of the weights of what reads it.

    The gain is `1 / mean(relu(f))` over all positions of all inputs, for every channel of f. ReLU and pooling pass
    positive gains on, so every feature becomes its gain times what it was. Channels that are never active stay.

    Args:
        network: Of convolutions, ReLUs, pooling and concatenations; changed in place.
        inputs: What the network reads, (1, 3, H, W) each, of any sizes.
        by_layer: Whether all channels of a convolution get the same gain, from their mean.

    Raises:
        ValueError: The network has another operation.

    Source: Gatys, Ecker & Bethge 2016, section 2 (the network with rescaled weights).
    """
    means = _Means(network).over(inputs)
    gains: dict[Node, Tensor | None] = {}  # None: 1 for every channel
    for node in network.graph.nodes:
        if node.op in ("placeholder", "output"):
            gains[node] = None
        elif node in means:
            mean = means[node].mean().expand_as(means[node]) if by_layer else means[node]
            gains[node] = torch.where(mean > 0, 1 / mean.clamp_min(1e-30), 1.0)
            _scale(network.get_submodule(str(node.target)), gains[node.all_input_nodes[0]], gains[node])
        elif node.target is torch.cat:
            parts = [gains[one] for one in node.all_input_nodes]
            gains[node] = torch.cat([part for part in parts if part is not None])
        elif _keeps_gains(network, node):
            gains[node] = gains[node.all_input_nodes[0]]
        else:
            raise ValueError(
                f"backbone.scale can't be had with this network: {node.name} is neither convolution, ReLU, pooling nor "
                f"concatenation; give backbone.scale=none, or a VGG or SqueezeNet"
            )


class _Means(Interpreter):
    """Mean rectified output of the convolutions: node -> (C), over several inputs."""

    def over(self, inputs: Sequence[Tensor]) -> dict[Node, Tensor]:
        self.sums: dict[Node, Tensor] = {}
        self.count: dict[Node, int] = {}
        for x in inputs:
            self.run(x)
        return {node: total / self.count[node] for node, total in self.sums.items()}

    def run_node(self, n: Node) -> object:
        out = super().run_node(n)
        if n.op == "call_module" and isinstance(self.module.get_submodule(str(n.target)), nn.Conv2d):
            total = out.relu().sum((0, 2, 3))
            self.sums[n] = self.sums[n] + total if n in self.sums else total
            self.count[n] = self.count.get(n, 0) + out[:, 0].numel()
        return out


def _scale(conv: nn.Module, before: Tensor | None, after: Tensor | None) -> None:
    assert isinstance(conv, nn.Conv2d) and after is not None
    if conv.groups != 1:
        raise ValueError("backbone.scale can't be had with grouped convolutions; give backbone.scale=none")
    if before is not None:
        conv.weight /= before.view(1, -1, 1, 1)
    conv.weight *= after.view(-1, 1, 1, 1)
    if conv.bias is not None:
        conv.bias *= after


def _keeps_gains(network: GraphModule, node: Node) -> bool:
    if node.op == "call_function":
        return node.target in KEEPING_FUNCTIONS
    return node.op == "call_module" and isinstance(network.get_submodule(str(node.target)), KEEPING)
