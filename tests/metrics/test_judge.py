"""The judge's figures at pictures where they are known, and the value that a sweep minimises."""

import math

import pytest
import torch
from conftest import ROOT, SHARED
from hydra import compose, initialize_config_dir

from nst.config import instantiate
from nst.losses import Content, Gram
from nst.metrics import FIGURES
from nst.metrics.judge import Judge, check_minimize, sweep_value
from nst.objective import Objective, Target


@pytest.fixture
def judge(wavelet):
    def make(**options):
        shared = {"weight": 1.0, "reduction": "relative", "layer_reduction": "mean"}
        style = Gram(layers={"s0": 1.0, "s1": 1.0}, normalize="hw", **shared)
        terms = {"style": style, "content": Content(layers={"s1": 1.0}, **shared)}
        network = Objective(backbone=wavelet, terms=terms)
        return Judge(**{"objective": network, "size": 64, "lpips": None, "name": "wavelet"} | options)

    return make


def test_the_photograph_scores_one(judge, noise):
    photo, style = noise(40, 48, seed=1) * 0.3, noise(48, 40, seed=2)
    figures = judge().figures(photo, photo, [Target(style)])
    assert figures["style"] == pytest.approx(1, abs=1e-6)
    assert figures["content"] == pytest.approx(0, abs=1e-6)
    assert figures["score"] == pytest.approx(1, abs=1e-6)
    assert figures["ssim"] == pytest.approx(1, abs=1e-6)


def test_the_style_itself_has_no_style_distance(judge, noise):
    photo, style = noise(40, 48, seed=1) * 0.3, noise(40, 48, seed=2)
    figures = judge().figures(style, photo, [Target(style)])
    assert figures["style"] == pytest.approx(0, abs=1e-6)
    assert figures["content"] > 0.5  # nothing of the photograph is in it
    assert figures["ssim"] < 0.5


def test_total_variation_is_that_of_the_pixels(judge):
    stripes = torch.zeros(1, 3, 32, 32)
    stripes[..., ::2] = 1
    figures = judge().figures(stripes, stripes, [Target(stripes * 0.5)])
    assert figures["tv"] == pytest.approx(3 * 31 * 32 / 32**2)  # three channels, 31 steps of 1 in each of 32 rows


def test_a_larger_picture_is_resized_first(judge, noise):
    photo, style = noise(128, 160, seed=1), noise(64, 64, seed=2)
    small = torch.nn.functional.interpolate(photo, (51, 64), mode="bicubic", antialias=True).clamp(0, 1)
    large, reduced = (judge().figures(image, photo, [Target(style)]) for image in (photo, small))
    assert large["tv"] == pytest.approx(reduced["tv"], rel=1e-3)  # overshoots are clamped in two ways


def test_a_picture_too_small_for_the_network_has_no_figures_and_a_note(judge, noise):
    one = judge()
    assert set(one.figures(noise(2, 2), noise(2, 2), [Target(noise())]).values()) == {None}
    assert "needs pictures of" in one.note


def test_lpips_without_its_checkpoint_is_none_with_a_note(judge, noise, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    one = judge(lpips="squeeze")
    assert one.figures(noise(40, 40), noise(40, 40), [Target(noise())])["lpips"] is None
    assert "squeezenet1_1-b8a52dc0.pth" in one.note


@pytest.mark.slow
def test_lpips_with_its_checkpoint_is_0_for_the_photograph(judge, noise, monkeypatch, tmp_path):
    torchvision = pytest.importorskip("torchvision")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    place = tmp_path / "hub/checkpoints"
    place.mkdir(parents=True)
    torch.manual_seed(0)  # random weights show that the file is read and used
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), place / "squeezenet1_1-b8a52dc0.pth")
    one = judge(lpips="squeeze")
    photo, other = noise(64, 64, seed=1), noise(64, 64, seed=2)
    assert one.figures(photo, photo, [Target(other)])["lpips"] == pytest.approx(0, abs=1e-6)
    assert one.figures(other, photo, [Target(other)])["lpips"] > 0
    assert one.note is None


def test_the_value_of_a_sweep_is_one_figure_or_a_list_and_never_nan():
    figures = dict.fromkeys(FIGURES, 0.25) | {"loss": 2.0, "seconds": 3.0, "lpips": None, "tv": math.nan}
    assert sweep_value("loss", figures) == 2.0
    assert sweep_value("judge", figures) == 0.25
    assert sweep_value("ssim", figures) == 0.75  # less is better of all
    assert sweep_value(["style", "content"], figures) == [0.25, 0.25]
    assert sweep_value("lpips", figures) == sweep_value("tv", figures) == math.inf


def test_what_is_not_measured_cannot_be_minimised():
    names = "loss, judge, style, content, ssim, lpips, tv, seconds"
    with pytest.raises(ValueError, match=f"minimize is 'los'; give one of {names}"):
        check_minimize(["style", "los"])


def test_every_backbone_can_judge():
    judges, backbones = (
        {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")} for group in ("judge", "backbone")
    )
    assert judges - {"none"} == backbones


def judge_of(*words):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", list(words))
    return instantiate.judge(config)


def test_a_judge_without_its_checkpoint_names_its_own_option(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(
        FileNotFoundError, match=r"^judge=vgg19: checkpoint not found: none.pth; give a file that exists"
    ):
        judge_of("judge=vgg19", "judge.network.checkpoint=none.pth")
    with pytest.raises(
        OSError, match=r"judge=vgg19: no checkpoint .* give judge.network.checkpoint=FILE.* use judge=wavelet"
    ):
        judge_of("judge=vgg19", "download.hosts=[]", "download.retries=0", "download.connect=0.01")


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "torch_home").is_dir(), reason="no trained weights are here")
def test_trained_networks_judge_offline(noise, monkeypatch):
    """All figures are there: LPIPS finds SqueezeNet in torch hub's cache, and VGG-19 is read from a file."""
    monkeypatch.setenv("TORCH_HOME", str(SHARED / "torch_home"))
    file = SHARED / "weights/vgg19-simonyan-imagenet-features-float16.pth"
    one = judge_of("judge=vgg19", f"judge.network.checkpoint={file}")
    figures = one.figures(noise(64, 64, seed=1), noise(64, 64, seed=2), [Target(noise(64, 64, seed=3))])
    assert one.note is None
    assert all(value is not None for value in figures.values())
    assert one.figures(noise(64, 64), noise(64, 64), [Target(noise(64, 64, seed=3))])["lpips"] == pytest.approx(
        0, abs=1e-6
    )
    assert figures["lpips"] > 0.01
