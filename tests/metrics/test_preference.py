"""The preference against its definition: its difference is the log odds of the votes."""

import pytest

from nst.metrics.preference import WEIGHTS, preference


def test_it_is_the_weighted_sum_and_needs_every_figure():
    figures = {"small_vgg19.moments": 0.1, "ssim": 0.3, "rim": 0.2, "leak": -0.5}
    assert preference(figures | {"gram": 9.0}) == pytest.approx(-18.6 * 0.1 + 6.5 * 0.3 - 9.9 * 0.2 + 4.6 * 0.5)
    assert all(preference({k: v for k, v in figures.items() if k != name}) is None for name in WEIGHTS)
