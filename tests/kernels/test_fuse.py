"""Optimised networks give the features of torchvision's, and their gradient, whatever layers are in use."""

import copy

import pytest
import torch
from conftest import IN_C, ROOT
from omegaconf import OmegaConf
from torch import nn
from torch.fx import symbolic_trace
from torchvision_backbones import build, plain, seen

from nst import kernels
from nst.kernels import compiled, fuse, onednn
from nst.kernels.conv_relu import FusedConv2d
from nst.kernels.winograd import WinogradConv2d

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
NEAR = {"vgg16": 3e-5, "squeezenet1_1": 1e-5}
"""Largest error over the largest value: ten times float32's rounding, thrice that by Winograd; 3e-4 after norms."""


def compare(ours: nn.Module, theirs: nn.Module, near: float) -> None:
    x = torch.rand(1, 3, 83, 80, generator=torch.Generator().manual_seed(0))
    (got, gradient), (expected, exact) = seen(ours, x), seen(theirs, x)
    for layer in theirs.layers:
        assert got[layer].shape == expected[layer].shape
        assert (got[layer] - expected[layer]).abs().max() <= near * expected[layer].abs().max(), layer
    assert (gradient - exact).norm() < 1e-2 * exact.norm()  # a value close to 0 may get the other sign


@pytest.mark.parametrize(("model", "layers"), NETWORKS)
def test_features_and_gradient_stay_those_of_the_network(model, layers) -> None:
    compare(build(model, layers), plain(model, layers), NEAR.get(model, 3e-4))


@pytest.mark.parametrize(("model", "layers"), NETWORKS[:1] + NETWORKS[4:5])
def test_so_they_do_without_a_compiler(model, layers, monkeypatch) -> None:
    monkeypatch.setattr(compiled, "library", lambda: None)
    monkeypatch.setattr(compiled, "needed", lambda: pytest.fail("taken"))
    compare(build(model, layers), plain(model, layers), 1e-5)


def test_features_in_float64_change_by_the_order_of_sums_alone(noise) -> None:
    image = noise(dtype=torch.float64)
    ours, theirs = (make("vgg16", ["relu1_1", "relu2_1"]).double()(image) for make in (build, plain))
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-12, atol=1e-12)
    assert ours["relu1_1"].is_contiguous(memory_format=torch.channels_last)


@IN_C
@pytest.mark.parametrize(
    ("model", "layers", "expected"),
    [
        (
            "vgg16",
            ["conv1_1", "relu2_1"],
            ["FusedConv2d", "ReLU", "WinogradConv2d", "FusedMaxPool2d+", "WinogradConv2d+"],
        ),
        ("vgg16", ["relu1_2", "relu2_1"], ["FusedConv2d+", "WinogradConv2d+2", "FusedMaxPool2d", "WinogradConv2d+"]),
        (
            "squeezenet1_1",
            ["3"],
            ["FusedConv2d", "FusedMaxPool2d+", "FusedConv2d+", "FusedConv2d", "FusedConv2d", "ReLUCat"],
        ),
        ("resnet18", ["relu"], ["FusedConv2d+"]),
        ("vgg16_bn", ["relu1_2", "norm1_1"], ["FusedConv2d", "ReLU", "WinogradConv2d+"]),
        ("vgg16_bn", ["relu1_2", "conv1_1"], ["FusedConv2d", "BatchNorm2d", "ReLU", "WinogradConv2d+"]),
    ],
)
def test_what_is_fused(model, layers, expected) -> None:
    """The modules that the graph calls: + with a ReLU, 2 with two aliases; layers in use are not fused away."""
    network = build(model, layers).network
    called = [network.get_submodule(node.target) for node in network.graph.nodes if node.op == "call_module"]
    named = [
        type(one).__name__ + "+" * getattr(one, "relu", False) + "2" * getattr(one, "two_aliases", False)
        for one in called
    ]
    assert named == expected


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [("vgg16", True), ("vgg19", True), ("squeezenet", False), ("resnet50", False), ("inception", False)],
)
def test_winograd_is_for_networks_of_3_x_3_convolutions(backbone, expected) -> None:
    layers = OmegaConf.load(ROOT / f"conf/layers/{backbone}.yaml")
    if "defaults" in layers:  # vgg19's are vgg16's
        layers = OmegaConf.load(ROOT / f"conf/layers/{layers.defaults[0]}.yaml")
    model = OmegaConf.load(ROOT / f"conf/backbone/{backbone}.yaml").model
    network = build(model, list(dict.fromkeys(map(str, [*layers.style, *layers.content])))).network
    assert any(isinstance(module, WinogradConv2d) for module in network.modules()) == expected


def test_off_leaves_the_network_as_it_is() -> None:
    network = plain("vgg16", ["relu2_1"]).network
    assert {type(module) for module in network.modules()} <= {
        type(network),
        nn.Module,
        nn.Conv2d,
        nn.ReLU,
        nn.MaxPool2d,
    }
    assert not any(module.inplace for module in network.modules() if isinstance(module, nn.ReLU))


def test_a_concatenation_of_one_map_twice_is_left_alone() -> None:
    class Twice(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            one, other = torch.relu(x), torch.relu(-x)
            return {"out": torch.cat([one, other, one], 1)}

    network, x = symbolic_trace(Twice()), torch.randn(1, 8, 4, 4)
    expected = network(x)["out"]
    kernels.optimize(network)
    assert torch.equal(network(x)["out"], expected)


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        ("vgg16", ["conv1_1", "relu1_2", "conv2_1", "relu2_2"]),
        ("resnet18", ["relu", "layer1.0.relu", "layer1.1.bn1", "layer2.0"]),
        ("squeezenet1_1", ["1", "4"]),
        ("inception_v3", ["Conv2d_2b_3x3", "Conv2d_2a_3x3.bn"]),
    ],
)
def test_in_place_relus_change_nothing(model, layers) -> None:
    ours, theirs = plain(model, layers), plain(model, layers)
    fuse._work_in_place(ours.network)
    ours.network.recompile()
    x = torch.rand(1, 3, 80, 80, generator=torch.Generator().manual_seed(0))
    found = [seen(backbone, x) for backbone in (ours, theirs)]
    for layer in layers:
        assert torch.equal(found[0][0][layer], found[1][0][layer])
    assert torch.equal(found[0][1], found[1][1])


def test_relus_work_in_place_where_nothing_else_reads_their_argument() -> None:
    network = plain("vgg16", ["conv1_1", "relu2_1"]).network
    fuse._work_in_place(network)
    assert [module.inplace for module in network.modules() if isinstance(module, nn.ReLU)] == [False, True, True]


@IN_C
@pytest.mark.parametrize(("model", "layers"), [NETWORKS[1], NETWORKS[3], NETWORKS[4], NETWORKS[6]])
def test_in_bfloat16_they_are_as_near_as_torch_s(model, layers) -> None:
    x = torch.rand(1, 3, 83, 80, generator=torch.Generator().manual_seed(0))
    exact, gradient = seen(plain(model, layers), x)
    errors = []
    for make in (build, plain):
        backbone = make(model, layers)
        with torch.autocast("cpu", torch.bfloat16):
            features, back = seen(backbone, x)
        deepest = layers[-1]
        pairs = (features[deepest], exact[deepest]), (back, gradient)
        errors.append([((got - expected).norm() / expected.norm()).item() for got, expected in pairs])
    ours, theirs = torch.tensor(errors)
    assert (ours < 1.5 * theirs + 0.002).all()


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_of_an_image_that_is_not_finite_no_feature_is(value, dtype, noise) -> None:
    x = noise(40, 40).to(dtype)
    x[0, 0, 20, 20] = value
    for name, found in build("squeezenet1_1", ["2", "4"]).to(dtype).features(x).items():
        assert not found.isfinite().any(), name


@IN_C
def test_weights_are_rounded_and_packed_once_for_each_precision() -> None:
    backbone, x = build("squeezenet1_1", ["1"]), torch.rand(1, 3, 20, 20)
    first = next(module for module in backbone.modules() if isinstance(module, FusedConv2d))
    found = []
    for half in (False, True, False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            assert backbone(x)["1"].dtype == (torch.bfloat16 if half else torch.float32)
        found.append(dict(first.cache))
    assert all(len(kept) == 1 for kept in found)  # steps have one precision, references another
    fast = onednn.supports(torch.device("cpu"), torch.bfloat16)  # else it is left to PyTorch
    assert (found[0]["packed"] is not found[1]["packed"]) == fast
    with torch.autocast("cpu", torch.bfloat16):
        backbone(x)
    assert dict(first.cache) == found[-1]
    assert all(p.dtype == torch.float32 for p in backbone.parameters())
    twin = copy.deepcopy(backbone)  # though prepacked weights can't be copied
    assert torch.equal(twin(x)["1"], backbone(x)["1"])
