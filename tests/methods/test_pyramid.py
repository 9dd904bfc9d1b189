import pytest
from conftest import ROOT
from omegaconf import OmegaConf

from nst.methods.pyramid import Level, coarse_to_fine, explicit, single


def test_coarse_to_fine_ends_at_full_size():
    levels = coarse_to_fine(size=512, steps=100, levels=3, ratio=2.0)
    assert levels == [Level(128, 100), Level(256, 100), Level(512, 100)]


def test_crowsonkb_scales_are_powers_of_the_root_of_two():
    levels = coarse_to_fine(size=512, steps=500, levels=99, ratio=2**0.5, smallest=128, first_steps=1000)
    assert [level.edge for level in levels] == [128, 181, 256, 362, 512]
    assert [level.steps for level in levels] == [1000, 500, 500, 500, 500]


def test_no_level_but_the_last_is_smaller_than_the_smallest():
    assert coarse_to_fine(size=64, steps=5, levels=4, ratio=2.0, smallest=100) == [Level(64, 5)]


def test_growth_gives_coarser_levels_more_steps():
    levels = coarse_to_fine(size=400, steps=10, levels=3, ratio=2.0, growth=2.0)
    assert [level.steps for level in levels] == [40, 20, 10]


def test_single_and_explicit():
    assert single(size=300, steps=7) == [Level(300, 7)]
    assert explicit(sizes=[10, 20], steps=3) == [Level(10, 3), Level(20, 3)]
    assert explicit(sizes=[10, 20], steps=[3, 4]) == [Level(10, 3), Level(20, 4)]


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: coarse_to_fine(size=512, steps=1, levels=0, ratio=2), "levels is 0; give 1 or more"),
        (lambda: coarse_to_fine(size=512, steps=1, levels=2, ratio=1), "ratio is 1; give a number over 1"),
        (lambda: coarse_to_fine(size=512, steps=1, levels=2, ratio=2, growth=0), "growth is 0"),
        (lambda: single(size=0, steps=1), "would be 0 pixels"),
        (lambda: single(size=10, steps=-1), "steps is -1; give 0 or more"),
        (lambda: explicit(sizes=[1, 2], steps=[1]), "2 entries and pyramid.steps 1"),
    ],
)
def test_numbers_that_make_no_pyramid_are_refused(call, line):
    with pytest.raises(ValueError, match=line):
        call()


@pytest.mark.parametrize(
    ("size", "edges"), [(64, [64]), (512, [512]), (1022, [1022]), (1024, [512, 1024]), (3000, [750, 1500, 3000])]
)
def test_by_default_no_picture_begins_below_512_pixels_unless_it_is_smaller(size: int, edges: list[int]) -> None:
    options = OmegaConf.merge(OmegaConf.load(ROOT / "conf/pyramid/coarse_to_fine.yaml"), {"size": size, "steps": 7})
    del options["_target_"]
    levels = coarse_to_fine(**options)
    assert levels == [Level(edge, 7) for edge in edges]
