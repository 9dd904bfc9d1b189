"""Fused networks give the features that torchvision's do, and the gradient; whatever layers are in use."""

import copy

import pytest
import torch
from conftest import IN_C
from torch import nn
from torch.fx import symbolic_trace
from torchvision_backbones import build, seen

from nst.kernels import compiled, onednn
from nst.kernels.conv_relu import Convolution
from nst.kernels.fuse import fuse
from nst.kernels.winograd import Winograd

NETWORKS = [
    ("vgg16", ["conv1_1", "relu1_2", "pool1", "conv2_2", "relu2_2"]),
    ("vgg16", ["relu1_1", "relu2_1", "relu3_1"]),
    ("vgg16_bn", ["conv1_1", "norm1_2", "relu2_1"]),
    ("resnet18", ["relu", "layer1.0.relu", "layer1.1.bn1", "layer2.0"]),
    ("squeezenet1_1", ["0", "2", "3", "4", "6"]),
    ("squeezenet1_1", ["features.3.expand1x1_activation", "features.4.squeeze", "4"]),
    ("inception_v3", ["Conv2d_2b_3x3", "Conv2d_2a_3x3.bn", "Mixed_5b"]),
    ("densenet121", ["features.relu0", "features.denseblock1.denselayer2.relu1"]),
]
NEAR = {"vgg16": 1e-5, "vgg16_bn": 1e-4, "resnet18": 1e-4, "squeezenet1_1": 1e-5, "inception_v3": 1e-4}


def compare(ours: nn.Module, plain: nn.Module, near: float) -> None:
    x = torch.rand(1, 3, 83, 80, generator=torch.Generator().manual_seed(0))
    (got, gradient), (expected, theirs) = seen(ours, x), seen(plain, x)
    for layer in plain.layers:
        assert got[layer].shape == expected[layer].shape
        assert (got[layer] - expected[layer]).abs().max() <= near * expected[layer].abs().max(), layer
    assert (gradient - theirs).norm() < 1e-2 * theirs.norm()  # a value next to 0 may be on its other side


@pytest.mark.parametrize(("model", "layers"), NETWORKS)
@pytest.mark.parametrize("convolution", ["direct", "winograd"])
def test_features_and_gradient_stay_those_of_the_network(model, layers, convolution) -> None:
    ours = build(model, layers, memory="channels_last", convolution=convolution)
    compare(ours, build(model, layers), NEAR.get(model, 1e-4) * (3 if convolution == "winograd" else 1))


@pytest.mark.parametrize(("model", "layers"), NETWORKS[:1] + NETWORKS[4:5])
def test_so_they_do_without_a_compiler(model, layers, monkeypatch) -> None:
    monkeypatch.setattr(compiled, "library", lambda: None)
    monkeypatch.setattr(compiled, "needed", lambda: pytest.fail("taken"))
    compare(build(model, layers, memory="channels_last"), build(model, layers), 1e-5)


@IN_C
@pytest.mark.parametrize(
    ("model", "layers", "expected"),
    [
        ("vgg16", ["conv1_1", "relu2_1"], ["Convolution", "ReLU", "Convolution", "Pool+", "Convolution+"]),
        ("vgg16", ["relu1_2", "relu2_1"], ["Convolution+", "Convolution+2", "Pool", "Convolution+"]),
        ("squeezenet1_1", ["3"], ["Convolution", "Pool+", "Convolution+", "Convolution", "Convolution", "Joined"]),
        ("resnet18", ["layer1.0.conv1"], ["Convolution", "Pool+", "Convolution"]),
        ("resnet18", ["layer1.0.relu_1"], ["Convolution", "Pool+", "Convolution+", "Convolution", "ReLU"]),
        ("vgg16_bn", ["relu1_2", "norm1_1"], ["Convolution", "ReLU", "Convolution+"]),
        ("vgg16_bn", ["relu1_2", "conv1_1"], ["Convolution", "BatchNorm2d", "ReLU", "Convolution+"]),
    ],
)
def test_what_is_fused(model, layers, expected) -> None:
    """Modules that the graph calls, + with a rectifier, 2 for both uses: a layer in use is taken into no other."""
    network = build(model, layers, memory="channels_last").network
    called = [network.get_submodule(node.target) for node in network.graph.nodes if node.op == "call_module"]
    named = [
        type(one).__name__ + "+" * getattr(one, "rectify", False) + "2" * getattr(one, "taps", False) for one in called
    ]
    assert named == expected


def test_a_concatenation_of_one_map_twice_is_left_alone() -> None:
    class Twice(nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            one, other = torch.relu(a), torch.relu(b)
            return torch.cat([one, other, one], 1)

    network, maps = symbolic_trace(Twice()), [torch.randn(1, 8, 4, 4) for _ in range(2)]
    expected = network(*maps)
    fuse(network, convolution="direct", memory="channels_last")
    assert torch.equal(network(*maps), expected)


def test_contiguous_maps_are_left_to_torch() -> None:
    network = build("vgg16", ["relu2_1", "relu3_1"], convolution="winograd").network
    kinds = {type(network.get_submodule(node.target)) for node in network.graph.nodes if node.op == "call_module"}
    assert kinds == {nn.Conv2d, nn.ReLU, nn.MaxPool2d, Winograd}


@IN_C
@pytest.mark.parametrize(("model", "layers"), [NETWORKS[1], NETWORKS[3], NETWORKS[4], NETWORKS[6]])
def test_in_bfloat16_they_are_as_near_as_torch_s(model, layers) -> None:
    x = torch.rand(1, 3, 83, 80, generator=torch.Generator().manual_seed(0))
    exact, gradient = seen(build(model, layers), x)
    errors = []
    for memory in ("channels_last", "contiguous"):
        backbone = build(model, layers, memory=memory)
        with torch.autocast("cpu", torch.bfloat16):
            features, back = seen(backbone, x)
        deepest = layers[-1]
        pairs = (features[deepest], exact[deepest]), (back, gradient)
        errors.append([((got - expected).norm() / expected.norm()).item() for got, expected in pairs])
    ours, torchs = torch.tensor(errors)
    assert (ours < 1.5 * torchs + 0.002).all()


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_of_a_picture_that_is_not_finite_no_feature_is(value, dtype, noise) -> None:
    x = noise(40, 40).to(dtype)
    x[0, 0, 20, 20] = value
    for name, found in build("squeezenet1_1", ["2", "4"], memory="channels_last").to(dtype).features(x).items():
        assert not found.isfinite().any(), name


@IN_C
def test_the_weights_are_rounded_and_ordered_once_for_each_precision() -> None:
    backbone, x = build("vgg16", ["relu1_2"], memory="channels_last"), torch.rand(1, 3, 20, 20)
    first = next(module for module in backbone.modules() if isinstance(module, Convolution))
    found = []
    for half in (False, True, False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            assert backbone(x)["relu1_2"].dtype == (torch.bfloat16 if half else torch.float32)
        found.append(dict(first.kept))
    assert all(len(kept) == 1 for kept in found)  # steps have one precision, references another
    own = onednn.takes(torch.device("cpu"), torch.bfloat16)  # else it is left to torch
    assert (found[0]["ordered"] is not found[1]["ordered"]) == own
    with torch.autocast("cpu", torch.bfloat16):
        backbone(x)
    assert dict(first.kept) == found[-1]
    assert all(p.dtype == torch.float32 for p in backbone.parameters())
    twin = copy.deepcopy(backbone)  # of what is in oneDNN's order nothing can be copied
    assert torch.equal(twin(x)["relu1_2"], backbone(x)["relu1_2"])
