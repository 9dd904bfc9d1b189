"""Layers that only larger pictures have."""

import pytest
from conftest import ROOT
from hydra import compose, initialize_config_dir

from nst.config import instantiate
from nst.config.instantiate import named_layers
from nst.objective import Objective


def objective(*words: str) -> Objective:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return instantiate.objective(compose("train", ["backbone=wavelet", *words]))


def test_a_name_may_say_from_which_edge_pictures_have_a_layer():
    assert named_layers({"y3": 1.0, "y4_from_600": 2.0}) == ({"y3": 1.0, "y4": 2.0}, {"y4": 600})
    assert named_layers({"relu_from_a": 1.0}) == ({"relu_from_a": 1.0}, {})


def test_a_layer_by_its_plain_name_is_one_of_all_pictures():
    assert named_layers({"y4": 3.0, "y4_from_600": 2.0}) == ({"y4": 3.0}, {})


@pytest.mark.parametrize(("edge", "deepest"), [(96, "y3"), (599, "y3"), (600, "y4"), (1199, "y4"), (1200, "y5")])
def test_the_wavelets_have_more_scales_as_a_picture_grows(edge, deepest):
    part = objective().for_edge(edge)
    assert max(part.terms["style"].layers) == deepest
    assert part.smallest == 2 ** (int(deepest[1]) + 2)


def test_a_training_has_the_layers_of_its_crops():
    assert "y4" not in objective("method=feedforward").terms["style"].layers


def test_the_judge_measures_each_scale_by_itself():
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", ["backbone=wavelet", "judge=wavelet"])
    assert config.backbone.comparable
    assert not config.judge.network.comparable


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_vgg_paints_with_little_of_its_deepest_layer_and_judges_by_all_five_alike(name):
    alike = {f"relu{number}_1": 1.0 for number in range(1, 6)}
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", [f"backbone={name}", f"judge={name}"])
    assert config.layers.style == alike | {"relu5_1": 0.1}
    assert config.judge.layers.style == alike
