"""Every recipe beside its own program: loss against loss along the run."""

import beside
import pytest

HELD = ("neural_style", "gordicaleksa", "lasse", "udaabu", "nikhil", "gatys2016", "crowsonkb", "sohini_course")
"""docs/recipes.md says what is known of the others."""


@pytest.mark.slow
@pytest.mark.parametrize("recipe", HELD)
def test_a_recipe_follows_its_program(recipe, tmp_path):
    theirs, ours = beside.losses(recipe, tmp_path)
    for n in (1, 10, 100):
        assert ours[n - 1] == pytest.approx(theirs[n - 1], rel=1e-2 if n == 100 else 2e-3), f"evaluation {n}"
    assert theirs[99] < theirs[0]
