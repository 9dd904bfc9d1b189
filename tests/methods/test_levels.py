"""The levels of a pyramid: those that a picture or a style is too small for, and the layers that each has."""

import pytest
from test_image import method, pictures, styles

from nst.data.inputs import StylePicture
from nst.methods.pyramid import Level

PANORAMAS = {
    "a panorama": ((12, 96), [Level(16, 1), Level(48, 1), Level(96, 2)], [96], "level of 16 x 2 px is left out"),
    "a tall scan": ((96, 12), [Level(16, 1), Level(48, 1), Level(96, 2)], [96], "level of 2 x 16 px is left out"),
    "given sizes": ((12, 96), [Level(96, 2), Level(16, 1), Level(96, 2)], [96, 96], "level of 16 x 2 px is left out"),
    "an ordinary picture": ((24, 32), [Level(16, 1), Level(32, 3)], [16, 32], None),
}


@pytest.mark.parametrize("name", PANORAMAS)
def test_levels_that_are_too_small_are_left_out_and_said(objective, noise, monkeypatch, name):
    size, levels, left, remark = PANORAMAS[name]
    monkeypatch.setattr(objective.backbone, "smallest", 8)
    data, made = pictures(noise(*size), styles(noise)), method(objective, levels=levels)
    assert [stage.module.size[size.index(max(size))] for stage in made.stages(data)] == left
    remarks = made.remarks(data)
    assert remarks == [] if remark is None else remark in remarks[0] and "needs 8" in remarks[0]


def test_each_level_has_the_layers_of_its_size(objective, noise):
    objective.from_edge = {"s0": 24}
    made = method(objective, levels=[Level(16, 1), Level(32, 1)])
    seen = [
        list(stage.module.objective.terms["style"].layers) for stage in made.stages(pictures(noise(), styles(noise)))
    ]
    assert seen == [["s1"], ["s0", "s1"]]


def test_a_panorama_needs_as_little_height_as_its_own_layers_do(objective, noise):
    objective.from_edge = {"s1": 24}
    objective.terms["content"].layers = {"s0": 1.0}
    stages = method(objective, levels=[Level(48, 1)]).stages(pictures(noise(3, 48), styles(noise)))
    assert next(stages).module.size == (3, 48)


def test_a_style_that_is_too_small_for_a_level_leaves_it_out(objective, noise, monkeypatch):
    monkeypatch.setattr(objective.backbone, "smallest", 8)
    data = pictures(noise(), [StylePicture("scroll", noise(12, 60, seed=1))])
    made = method(objective, levels=[Level(16, 1), Level(60, 1)])
    assert [stage.number for stage in made.stages(data)] == [1]
    assert "16 x 12 px is left out: a style is too small" in made.remarks(data)[0]


SMALL = {
    "a picture": ((12, 96), (40, 50), {}, "a picture of 48 x 6 pixels is too small: .* needs 8; give size=64 or more"),
    "a style": ((24, 32), (5, 5), {}, "the style a of 5 x 5 pixels is too small: .* give a larger picture for it"),
    "a scaled style": ((24, 32), (40, 50), {"style_scale": 0.1}, "50 x 40 pixels, seen at 5 x 4 is too .*style_scale="),
}


@pytest.mark.parametrize("name", SMALL)
def test_what_is_too_small_is_named(objective, noise, monkeypatch, name):
    content, style, options, line = SMALL[name]
    monkeypatch.setattr(objective.backbone, "smallest", 8)
    data = pictures(noise(*content), [StylePicture("a", noise(*style, seed=1))])
    with pytest.raises(ValueError, match=line):
        next(method(objective, levels=[Level(48, 1)], **options).stages(data))
