"""Networks rescaled to a mean activation of 1: what that changes, and what it does not."""

import pytest
import torch
import torchvision
from conftest import SHARED
from torchvision_backbones import plain

from nst.backbones import rescale
from nst.data import image_io
from nst.losses import Content, Gram, MeanCovariance

LAYERS = ["1", "3", "4", "6"]
VGG19 = SHARED / "weights/vgg19-simonyan-imagenet-features-float16.pth"


def mean_activations(backbone, pictures):
    """Layer -> mean over positions of all pictures, (C)."""
    maps = [backbone(picture) for picture in pictures]
    return {k: torch.cat([one[k].flatten(2)[0] for one in maps], 1).relu().mean(1) for k in backbone.layers}


@pytest.fixture
def pictures(photo, noise, tmp_path):
    """Two small files: a gradient, and noise for which more filters are active."""
    image_io.save(noise(64, 80), tmp_path / "noise.png")
    return [str(photo), str(tmp_path / "noise.png")]


@pytest.fixture
def fire(pictures):
    """SqueezeNet with random weights, rescaled over small pictures."""

    def make(scale, **options):
        return plain("squeezenet1_1", LAYERS, scale=scale, **{"scale_pictures": pictures, **options})

    return make


@pytest.mark.parametrize("pooling", ["max", "average", "l2_rescaled", "blur"])
def test_every_active_filter_has_a_mean_activation_of_one_and_is_a_multiple_of_what_it_was(
    fire, pictures, pooling, noise
):
    before, after = fire("none", pooling=pooling), fire("unit", pooling=pooling)
    means = mean_activations(after, rescale.photographs(pictures))
    was, now = before(noise(64, 80)), after(noise(64, 80))
    for layer in LAYERS:
        active = means[layer] > 0
        if (layer, pooling) != ("1", "blur"):  # there the layer is what the blur behind the ReLU leaves
            torch.testing.assert_close(means[layer][active], torch.ones(int(active.sum())), atol=1e-3, rtol=0)
        old, new = was[layer][0].flatten(1), now[layer][0].flatten(1)
        gain = new.sum(1, keepdim=True) / old.sum(1, keepdim=True).clamp_min(1e-12)
        torch.testing.assert_close(new, gain * old, atol=1e-4 * float(new.max()), rtol=1e-3)
    assert sum(int((mean > 0).sum()) for mean in means.values()) > 100


def test_one_gain_for_a_layer_changes_no_relative_loss(fire, pictures, noise):
    before, after = fire("none"), fire("unit_layer")
    averaged = rescale.photographs(pictures)
    for layer in ("1", "3"):  # the latter is two convolutions side by side, of one gain each
        assert float(mean_activations(after, averaged)[layer].mean()) == pytest.approx(1, abs=1e-3)
    shared = {"layers": {"1": 1.0}, "weight": 1.0}
    relative = {"reduction": "relative", "layer_reduction": "mean"}
    for term in (Gram(**shared, **relative, normalize="hw"), Content(**shared, **relative), MeanCovariance(**shared)):
        losses = []
        for backbone in (before, after):
            reference = term.reference(backbone(noise(48, 64, seed=1)))
            losses.append(term.score(term.measure(backbone(noise(48, 64)), reference), reference)["1"])
        torch.testing.assert_close(losses[0], losses[1], rtol=1e-3, atol=0)


def test_features_do_not_depend_on_how_a_checkpoint_scales_its_filters(fire, pictures, noise, tmp_path):
    """A checkpoint whose squeezing filters are multiplied by 0.1 to 10, and divided out behind, is the same network."""
    state, generator = torchvision_state(), torch.Generator().manual_seed(1)
    torch.save(state, tmp_path / "one.pth")
    for fire_module in (3, 4, 6):
        gains = 10 ** (2 * torch.rand(len(state[f"features.{fire_module}.squeeze.weight"]), generator=generator) - 1)
        state[f"features.{fire_module}.squeeze.weight"] *= gains.view(-1, 1, 1, 1)
        state[f"features.{fire_module}.squeeze.bias"] *= gains
        for edge in (1, 3):
            state[f"features.{fire_module}.expand{edge}x{edge}.weight"] /= gains.view(1, -1, 1, 1)
        for edge in (1, 3):  # what it gives is scaled too, so that only scale=unit brings it back
            for name in ("weight", "bias"):
                state[f"features.{fire_module}.expand{edge}x{edge}.{name}"] *= 3
        following = {3: "features.4.squeeze.weight", 4: "features.6.squeeze.weight"}.get(fire_module)
        if following:
            state[following] /= 3
    torch.save(state, tmp_path / "other.pth")
    for scale, same in (("none", False), ("unit", True), ("unit_layer", True)):
        nets = [fire(scale, checkpoint=str(tmp_path / name)) for name in ("one.pth", "other.pth")]
        active = {k: mean > 0 for k, mean in mean_activations(nets[0], rescale.photographs(pictures)).items()}
        one, other = ({k: net(noise(48, 64))[k][:, active[k]] for k in LAYERS} for net in nets)
        assert all(torch.allclose(one[k], other[k], rtol=1e-3, atol=1e-4) for k in LAYERS) == same


def torchvision_state():
    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1(weights=None).state_dict()


def test_the_default_pictures_are_four_photographs(fire, noise):
    assert len(rescale.photographs(None)) == 4
    with pytest.raises(ValueError, match="backbone.scale_pictures is an empty list"):
        rescale.photographs([])
    usual, own = (fire("unit", **more)(noise(48, 64)) for more in ({"scale_pictures": None}, {}))
    assert not torch.allclose(usual["1"], own["1"], rtol=0.05)


@pytest.mark.parametrize("model", ["resnet18", "densenet121"])
def test_a_network_that_passes_no_gains_on_is_refused(model, photo):
    with pytest.raises(ValueError, match=r"backbone.scale can't be had .* give backbone.scale=none"):
        plain(model, ["relu"] if model == "resnet18" else ["features.relu0"], scale="unit", scale_pictures=[str(photo)])


@pytest.mark.slow
@pytest.mark.skipif(not VGG19.is_file(), reason="VGG-19's trained weights are not here")
def test_trained_activations_that_differ_by_tens_become_one():
    layers = ["relu1_1", "relu3_1", "relu5_1"]
    raw_net, unit = (plain("vgg19", layers, checkpoint=str(VGG19), scale=scale) for scale in ("none", "unit"))
    pictures = rescale.photographs(None)
    raw = {k: float(v.mean()) for k, v in mean_activations(raw_net, pictures).items()}
    assert raw["relu1_1"] > 10 and raw["relu3_1"] > 60
    for mean in mean_activations(unit, pictures).values():
        assert float((mean[mean > 0] - 1).abs().max()) < 1e-2
