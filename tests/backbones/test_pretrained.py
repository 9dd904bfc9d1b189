"""Networks by PyTorch's own operators; tests/kernels compares them with nst's."""

import pytest
import torch
import torchvision
from torch import nn
from torchvision_backbones import IMAGENET
from torchvision_backbones import plain as build

from nst.backbones import Input


@pytest.fixture(scope="module")
def vgg11() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.vgg11(weights=None).eval()


@pytest.fixture(scope="module")
def checkpoint(vgg11, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "vgg11.pth"
    torch.save({k: v for k, v in vgg11.state_dict().items() if k.startswith("features.")}, path)
    return path


def test_features_are_those_of_the_network(vgg11, checkpoint, noise):
    backbone = build("vgg11", ["conv1_1", "relu2_1", "pool2"], checkpoint=str(checkpoint))
    x = backbone.input(noise(40, 48))
    out = backbone.features(x)
    conv = vgg11.features[0](x)
    assert torch.equal(out["conv1_1"], conv)  # the first use of x: nothing was rectified in place
    assert torch.allclose(out["relu2_1"], vgg11.features[:5](x), atol=1e-6)
    assert torch.allclose(out["pool2"], vgg11.features[:6](x), atol=1e-6)


def test_conv_is_not_rectified_in_place(noise):
    """Programs that store a convolution's output and run on hold the rectified values: their conv1_1 is our relu1_1."""
    backbone = build("vgg11", ["conv1_1", "relu1_1"])
    out = backbone(noise(32, 32))
    assert out["conv1_1"].min() < 0
    assert torch.equal(out["conv1_1"].relu(), out["relu1_1"])
    naive = torchvision.models.vgg11(weights=None).features[:2]
    naive.load_state_dict(
        {k.removeprefix("network.features."): v for k, v in backbone.state_dict().items() if "features.0" in k}
    )
    kept = naive[0](out["input"])
    naive[1](kept)
    assert torch.allclose(kept, out["relu1_1"])  # in place: the stored conv became the relu


def test_nothing_deeper_than_the_deepest_layer_is_kept():
    backbone = build("vgg11", ["relu2_1"])
    assert sum(p.numel() for p in backbone.parameters()) == 3 * 64 * 9 + 64 + 64 * 128 * 9 + 128
    assert not any(p.requires_grad for p in backbone.parameters())


def test_course_indices_name_squeezenet_s_modules(noise):
    backbone = build("squeezenet1_1", ["1", "3"])
    torch.manual_seed(0)
    reference = torchvision.models.squeezenet1_1(weights=None).eval().features
    out = backbone(noise(48, 48))
    assert torch.allclose(out["3"], reference[:4](out["input"]), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "layers"),
    [("resnet18", ["relu", "layer1", "layer2.1.relu_1"]), ("inception_v3", ["Conv2d_2b_3x3", "Mixed_5b"])],
)
def test_any_torchvision_network_by_its_node_names(model, layers, noise):
    backbone = build(model, layers, smoothing="softmax")
    out = backbone(noise(96, 96))
    assert set(out) == {"image", "input", *layers}
    assert torch.allclose(out[layers[0]].sum(1), torch.tensor(1.0), atol=1e-5)  # softmax over the channels


def test_smallest_is_the_smallest_that_runs(noise):
    backbone = build("vgg11", ["pool3"])
    assert backbone.smallest == 8
    backbone(noise(8, 8))
    with pytest.raises(ValueError, match=r"7 x 9 pixels is too small: the deepest layer in use \(pool3\) needs 8"):
        backbone(noise(9, 7))


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [("average", 2.5), ("average_rescaled", 5.0), ("l2", 30**0.5), ("l2_rescaled", 0.78 * 30**0.5)],
)
def test_pooling(pooling, expected, noise):
    backbone = build("vgg11", ["pool1"], pooling=pooling)
    pool = backbone.network.get_submodule("features.2")
    assert pool(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])).item() == pytest.approx(expected)


@pytest.mark.parametrize("edge", [(40, 41), (37, 62)])
def test_blurred_pooling_gives_every_position_the_same_gradient(edge):
    plain, blurred = (build("squeezenet1_1", ["3"], pooling=kind).network for kind in ("max", "blur"))
    pool = blurred.get_submodule("features.2")
    x = torch.rand(1, 64, *edge, requires_grad=True)
    out = pool(x)
    assert out.shape == plain.get_submodule("features.2")(x).shape  # ceil mode: the last position hangs over the edge
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert torch.allclose(gradient[..., 2:-4, 2:-4], torch.full((), 0.25), atol=1e-6)  # stride 2: a quarter, no grid


@pytest.mark.parametrize(("model", "layer"), [("squeezenet1_1", "1"), ("resnet18", "relu")])
def test_a_blurred_first_layer_is_seen_from_every_pixel_alike(model, layer):
    x = torch.rand(1, 3, 65, 66, generator=torch.Generator().manual_seed(0)).requires_grad_()
    energy, shapes = {}, set()
    for kind in ("max", "blur"):
        backbone = build(model, [layer], pooling=kind)
        seen = backbone.features(x)[layer]
        shapes.add(seen.shape)
        inside = torch.zeros(40, 40)
        for seed in range(8):
            weights = torch.randn(seen.shape, generator=torch.Generator().manual_seed(seed))
            (gradient,) = torch.autograd.grad((seen * weights).sum(), x, retain_graph=True)
            inside += gradient[..., 12:52, 12:52].square().sum(1)[0]
        phases = torch.stack([inside[i::2, j::2].mean() for i in (0, 1) for j in (0, 1)])
        energy[kind] = (phases.max() / phases.min()).item()
    assert len(shapes) == 1
    assert energy["blur"] < 1.6 < energy["max"]


def test_padding_of_all_convolutions_leaves_a_flat_picture_flat():
    x = torch.full((1, 3, 64, 64), 0.3)
    flat = build("squeezenet1_1", ["7"], padding="reflect_all")(x)["7"]
    framed = build("squeezenet1_1", ["7"], padding="reflect")(x)["7"]
    assert flat.std((2, 3)).max() < 1e-6 < framed.std((2, 3)).max()


def test_replicate_padding_leaves_no_dark_frame():
    flat = torch.full((1, 3, 16, 16), 0.8)
    zeros, replicate = (build("vgg11", ["conv1_1"], padding=p)(flat)["conv1_1"] for p in ("zeros", "replicate"))
    assert replicate.std((-2, -1)).max() < 1e-5
    assert zeros.std((-2, -1)).max() > 1e-3
    assert torch.allclose(zeros[..., 1:-1, 1:-1], replicate[..., 1:-1, 1:-1], atol=1e-5)


def test_random_weights_are_those_of_the_seed(noise):
    x = noise(32, 32)
    one, same, other = (build("squeezenet1_1", ["3"], seed=s)(x)["3"] for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


def test_input_conventions_and_their_inverse(noise):
    image = noise(4, 4)
    caffe = Input(range=255, order="BGR", mean=[103.939, 116.779, 123.68], std=[1, 1, 1])
    assert torch.allclose(caffe(image)[:, 0], image[:, 2] * 255 - 103.939, atol=1e-4)
    for convention in (caffe, Input(**IMAGENET)):
        assert torch.allclose(convention.inverse(convention(image)), image, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"model": "vgg91"}, "no torchvision model 'vgg91'; nearest: vgg19"),
        ({"layers": ["relu9_9"]}, "no layer 'relu9_9'; nearest: relu"),
        ({"pooling": "mean"}, "no backbone.pooling 'mean'"),
        ({"padding": "wrap"}, "no backbone.padding 'wrap'"),
        ({"smoothing": "relu"}, "no backbone.smoothing 'relu'"),
    ],
)
def test_an_unknown_name_shows_the_nearest(options, line):
    with pytest.raises(ValueError, match=line):
        build(**{"model": "vgg11", "layers": ["relu1_1"], **options})


def test_a_foreign_checkpoint_is_refused(checkpoint):
    with pytest.raises(ValueError, match="is not a checkpoint of torchvision's squeezenet1_1: .* parameters"):
        build("squeezenet1_1", ["3"], checkpoint=str(checkpoint))


def test_a_checkpoint_that_is_not_finite_is_refused(vgg11, tmp_path):
    state = {name: value.clone() for name, value in vgg11.state_dict().items() if name.startswith("features.")}
    state["features.3.weight"][5] = torch.nan
    torch.save(state, tmp_path / "broken.pth")
    with pytest.raises(ValueError, match=r"broken.pth is damaged: 1 of 4 parameters .* \(first: .*features.3.weight\)"):
        build("vgg11", ["relu2_1"], checkpoint=str(tmp_path / "broken.pth"))
    build("vgg11", ["relu1_1"], checkpoint=str(tmp_path / "broken.pth"))  # which does not need it
