"""Any torchvision classification network as a frozen backbone, cut after its deepest layer in use."""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.fx import GraphModule
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from nst import kernels
from nst.backbones import modify, rescale, weights
from nst.backbones.base import Backbone, Input
from nst.backbones.small_vgg19 import NODES, SmallVGG19
from nst.data.download import Download
from nst.utils.errors import unknown

POOLINGS = ("max", "average", "l2", "blur", "average_rescaled", "l2_rescaled")
PADDINGS = ("zeros", "replicate", "reflect", "replicate_all", "reflect_all")
SMOOTHINGS = ("none", "softmax")
OWN: dict[str, Callable[[], nn.Module]] = {"small_vgg19": SmallVGG19}  # networks that torchvision doesn't have
LARGEST_NEED = 512  # pixels; no classification network needs a larger image


class Pretrained(Backbone):
    """A torchvision network, with the options that style transfer knows.

    Layers are named as the field names them: `relu4_2`, `conv4_2`, `pool4` for VGG; `3` for the third module of
    `features` (SqueezeNet, as the CS231n course counts); else torchvision's own node names, such as `layer3.1.relu_2`
    or `Mixed_5b`. Every ReLU is out of place, so that `conv4_2` is the convolution's own output.

    Args:
        layers: The names to give.
        model: A name from `torchvision.models.list_models()`.
        checkpoint: A file; `embedded`: the one that comes with nst; null: torch hub's cache, else a download; `random`:
            seeded random weights.
        pooling: `max`, `average` or `l2`, the last two with `_rescaled`: times 2 or 0.78, so that activations keep
            their scale. `blur`: a binomial low-pass filter. If the first convolution has a stride, it is computed
            everywhere, followed by ReLU and blur, so that an optimised picture shows no grid. None: `max`.
        padding: Of the first convolution: `zeros`, `replicate` or `reflect`; with `_all`, of every one. None: `zeros`.
        smoothing: `none`, or `softmax` over the channels of every position (SWAG).
        input: The input convention.
        seed: Of `checkpoint=random`.
        download: How files are fetched.
        scale: `none`; `unit`: the weights are rescaled so that every filter has a mean activation of 1 over
            `scale_pictures`; `unit_layer`: so that every layer has, with one factor for all of its filters, which
            changes no relative loss. Absolute losses and weights then carry over from one checkpoint to another.
        scale_pictures: Files; None: four photographs of scikit-image.

    Raises:
        ValueError: There is no such model or layer, or the checkpoint is of another model.
        OSError: No checkpoint is available.

    Source: rescaled pooling and the replicate padding: crowsonkb/style-transfer-pytorch; blurred pooling: Zhang 2019
    (arXiv 1904.11486); smoothing: Wang, Li & Vasconcelos 2021 (arXiv 2104.05623), section 4; `scale=unit`: Gatys,
    Ecker & Bethge 2016, section 2.

    Differs: SWAG's softmax runs over all values of a layer; ours over the channels of a position, so that it is local
    and pictures can be cut into tiles.
    """

    def __init__(
        self,
        *,
        layers: Sequence[str],
        model: str,
        checkpoint: str | None,
        pooling: str | None,
        padding: str | None,
        smoothing: str,
        input: Input,
        seed: int,
        download: Download,
        scale: str = "none",
        scale_pictures: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        _check("torchvision model", model, [*OWN, *torchvision.models.list_models(module=torchvision.models)])
        _check("backbone.pooling", pooling or "max", POOLINGS)
        _check("backbone.padding", padding or "zeros", PADDINGS)
        _check("backbone.smoothing", smoothing, SMOOTHINGS)
        _check("backbone.scale", scale, rescale.SCALES)
        self.input = input
        self.smoothing = smoothing
        network = _build(model, random_seed=seed if checkpoint == "random" else None)
        nodes = _nodes(network, layers)
        self.layers = tuple(nodes.values())
        cut = create_feature_extractor(network, nodes, suppress_diff_warning=True)
        self.network = GraphModule(cut, cut.graph)  # without the graph of a training, which a copy would run
        modify.out_of_place(self.network)
        if checkpoint == "random":
            self.source = {"origin": f"random, seed {seed}", "path": None, "sha256": None, "warning": None}
        else:
            state, self.source = weights.load(model, checkpoint, download)
            _fill(self.network, state, model, self.source)
        modify.change_pooling(self.network, pooling or "max")
        modify.change_padding(self.network, padding or "zeros")
        if scale != "none":
            pictures = [input(picture) for picture in rescale.photographs(scale_pictures)]
            rescale.rescale(self.network, pictures, by_layer=scale == "unit_layer")
        kernels.optimize(self.network)
        self.freeze()
        self.smallest = self._smallest()

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """Return layer -> (N, C, h, w) for x, (N, 3, H, W), in the network's input convention."""
        out: dict[str, Tensor] = self.network(x)
        if self.smoothing == "softmax":
            return {name: value.softmax(dim=1) for name, value in out.items()}
        return out

    def _smallest(self) -> int:
        """The smallest edge for which every layer has a position, by trial on the meta device (without arithmetic)."""
        twin = copy.deepcopy(self.network).to("meta")
        low, high = 1, LARGEST_NEED
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if _fits(twin, middle) else (middle + 1, high)
        return low


def _check(kind: str, got: str, valid: Sequence[str]) -> None:
    if got not in valid:
        raise unknown(kind, got, valid)


def _fits(network: nn.Module, edge: int) -> bool:
    try:
        out = network(torch.empty(1, 3, edge, edge, device="meta"))
    except (RuntimeError, ValueError):  # raised for a map without positions
        return False
    return all(value.numel() > 0 for value in out.values())


def _build(model: str, *, random_seed: int | None) -> nn.Module:
    options: dict[str, Any] = {"init_weights": True} if model in ("inception_v3", "googlenet") else {}
    build: Callable[[], nn.Module] = OWN.get(model) or partial(
        torchvision.models.get_model, model, weights=None, **options
    )
    if random_seed is None:  # the checkpoint brings the values: build without storage
        with torch.device("meta"):
            return build().eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_seed)
        return build().eval()


def aliases(network: nn.Module) -> dict[str, str]:
    """Return the field's names -> node names: VGG's `relu4_2`, or the index of a module in `features`."""
    if isinstance(network, SmallVGG19):
        return NODES
    features = getattr(network, "features", None)
    if not isinstance(features, nn.Sequential):
        return {}
    out = {str(i): f"features.{i}" for i in range(len(features))}
    kinds = {nn.Conv2d: "conv", nn.BatchNorm2d: "norm", nn.ReLU: "relu"}
    if not all(type(module) in {*kinds, nn.MaxPool2d} for module in features):
        return out
    block, i = 1, 0
    for index, module in enumerate(features):
        if isinstance(module, nn.MaxPool2d):
            out[f"pool{block}"] = f"features.{index}"
            block, i = block + 1, 0
        else:
            i += isinstance(module, nn.Conv2d)
            out[f"{kinds[type(module)]}{block}_{i}"] = f"features.{index}"
    return out


def _nodes(network: nn.Module, layers: Sequence[str]) -> dict[str, str]:
    """Node name -> layer name, in the order of the network."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the graph of a training differs; nothing is trained here
        order = get_graph_node_names(network)[1]
    known = aliases(network)
    position = {name: i for i, node in enumerate(order) for name in _prefixes(node)}  # the last node of a module wins
    found = {}
    for layer in layers:
        node = known.get(layer, layer)
        if node not in position:
            raise unknown("layer", layer, [*known, *position])
        found[node] = layer
    return dict(sorted(found.items(), key=lambda pair: position[pair[0]]))


def _prefixes(node: str) -> list[str]:
    parts = node.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def _fill(network: nn.Module, state: Mapping[str, Tensor], model: str, source: Mapping[str, str | None]) -> None:
    """Load the parameters that the cut network needs from a checkpoint."""
    needed = network.state_dict()
    wrong = [
        name
        for name, value in needed.items()
        if not name.endswith("num_batches_tracked") and (name not in state or state[name].shape != value.shape)
    ]
    if wrong:
        raise ValueError(
            f"{source['path']} is not a checkpoint of torchvision's {model}: {len(wrong)} of {len(needed)} parameters "
            f"are missing or of another shape (first: {wrong[0]}); give a state dict of {model}, whole or features only"
        )
    tensors = {name: state[name].float() for name in needed if name in state}
    if broken := [name for name, value in tensors.items() if not value.isfinite().all()]:
        raise ValueError(
            f"{source['path']} is damaged: {len(broken)} of {len(tensors)} parameters hold values that are not "
            f"finite (first: {broken[0]}); download it again, or train it with a lower rate"
        )
    network.load_state_dict(tensors, strict=False, assign=True)
    for name, buffer in network.named_buffers():
        if buffer.is_meta:  # num_batches_tracked, absent from old checkpoints and unused here
            owner, _, leaf = name.rpartition(".")
            setattr(network.get_submodule(owner), leaf, torch.zeros_like(buffer, device="cpu"))
