"""Losses over several sizes of the picture at once."""

import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT
from hydra import compose, initialize_config_dir

from nst.config import instantiate
from nst.losses import Content, MeanStd
from nst.multiscale import MultiscaleObjective
from nst.objective import Objective, Target


def terms():
    return {
        "content": Content(layers={"s1": 1.0}, weight=0.3, reduction="relative", layer_reduction="mean"),
        "style": MeanStd(layers={"s0": 1.0, "s1": 2.0}, weight=1.0, reduction="relative", layer_reduction="mean"),
    }


def loss_and_gradient(objective, image, content, style, mask=None):
    at = image.clone().requires_grad_()
    references = objective.references(content, [Target(style, mask=mask)])
    losses = objective(at, references)
    total = objective.total(losses)
    return losses, total.detach(), torch.autograd.grad(total, at)[0]


def test_the_loss_is_the_mean_over_the_picture_and_its_reductions(wavelet, noise):
    pictures = [noise(48, 64, seed=seed) for seed in (1, 2, 3)]
    losses, total, gradient = loss_and_gradient(
        MultiscaleObjective(backbone=wavelet, terms=terms(), scales=3), *pictures
    )
    expected, sum_of_gradients = 0.0, 0.0
    for scale in (1, 2, 4):
        small = [F.avg_pool2d(picture, scale) for picture in pictures]
        _, one, at_scale = loss_and_gradient(Objective(backbone=wavelet, terms=terms()), *small)
        expected = expected + one / 3
        enlarged = at_scale.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
        sum_of_gradients = sum_of_gradients + enlarged / scale**2 / 3
    torch.testing.assert_close(total, expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient, sum_of_gradients, rtol=1e-3, atol=1e-6)
    assert list(losses["style"]) == ["s0", "s1", "s0 1:2", "s1 1:2", "s0 1:4", "s1 1:4"]


def test_one_scale_is_the_objective_itself(wavelet, noise):
    pictures = [noise(24, 32, seed=seed) for seed in (1, 2, 3)]
    ours = loss_and_gradient(MultiscaleObjective(backbone=wavelet, terms=terms(), scales=1), *pictures)
    plain = loss_and_gradient(Objective(backbone=wavelet, terms=terms()), *pictures)
    assert ours[0] == plain[0] and torch.equal(ours[2], plain[2])


def test_tiles_and_odd_sizes_change_nothing(wavelet, noise):
    pictures, mask = [noise(75, 101, seed=seed) for seed in (1, 2, 3)], torch.ones(1, 1, 75, 101)
    mask[..., :50] = 0
    whole, cut = (
        loss_and_gradient(MultiscaleObjective(backbone=wavelet, terms=terms(), scales=2, cut=edge), *pictures, mask)
        for edge in ("none", 32)
    )
    torch.testing.assert_close(cut[1], whole[1], rtol=1e-5, atol=0)
    torch.testing.assert_close(cut[2], whole[2], rtol=1e-3, atol=1e-6)


def test_scales_is_an_option_for_pictures_alone():
    with pytest.raises(ValueError, match="scales is 0; give 1"):
        MultiscaleObjective(backbone=None, terms={}, scales=0)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", ["scales=2"])
        network = compose("train", ["scales=2", "method=adain", "data=samples"])
    several = instantiate.objective(config)
    assert (several.scales, several.smallest) == (2, 2 * several.backbone.smallest)
    with pytest.raises(ValueError, match="scales=2 is for pictures, method=image"):
        instantiate._network_job(network, None, {})
