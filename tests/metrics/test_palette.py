"""The distance of colours, against SciPy's Wasserstein distance."""

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from skimage.color import rgb2lab

from nst.metrics.palette import color_distance, directions


def test_directions_are_unit_vectors_spread_over_half_a_sphere():
    found = directions()
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)
    assert found[:, 0].min() > 0
    assert np.abs(found[:, 1:].mean(0)).max() < 0.02  # no preferred hue
    assert (found.T @ found / len(found)).diagonal() == pytest.approx(np.full(3, 1 / 3), abs=0.01)


def test_color_distance_is_scipys_wasserstein_distance_along_the_directions(noise):
    x, y = noise(16, 16, seed=1), noise(20, 24, seed=2) ** 2
    lab = [rgb2lab(image[0].permute(1, 2, 0).double().numpy()).reshape(-1, 3) for image in (x, y)]
    expected = np.mean([wasserstein_distance(*(colours @ theta for colours in lab)) for theta in directions()])
    assert color_distance(x, y) == pytest.approx(expected, rel=0.02)  # 512 quantiles of 256 and 480 colours


def test_color_distance_sees_a_shift_of_lightness_in_units_of_lab():
    grey = lambda v: torch.full((1, 3, 8, 8), v)  # noqa: E731
    lightness = [rgb2lab(np.full((1, 1, 3), v))[0, 0, 0] for v in (0.3, 0.6)]
    shift = lightness[1] - lightness[0]
    assert color_distance(grey(0.3), grey(0.6)) == pytest.approx(shift * directions()[:, 0].mean(), rel=1e-5)  # float32


def test_color_distance_does_not_see_places(noise):
    assert color_distance(noise(24, 32).flip(-1), noise(24, 32)) == pytest.approx(0, abs=1e-6)
