"""Figures of flicker, against what they must be."""

import math

import pytest
import torch

pytest.importorskip("av")
pytest.importorskip("cv2")
from made_films import moving

from nst.data.film import to_image
from nst.metrics import temporal


def film(kind, count):
    frames, flows = moving(kind, count)
    return [to_image(frame) for frame in frames], [torch.from_numpy(one)[None] for one in flows]


def test_noise_has_the_warping_error_that_it_must_have(noise):
    images = [to_image(moving("pan", 1)[0][0])] * 5
    grain = [0.1 * (noise(64, 96, seed=n) - 0.5) for n in range(5)]  # variance 0.01 / 12
    found = temporal.figures(images, grain, distances=[1, 3], lpips=None)
    for k in (1, 3):
        assert found[f"warping_error_{k}"] == pytest.approx(math.sqrt(2 * 0.01 / 12), rel=0.02)
    assert found["change"] == pytest.approx(0.1 / 3, rel=0.02)


def test_a_film_that_moves_with_its_strokes_has_almost_none():
    images, flows = film("zoom", 6)
    moved = temporal.figures(images, images, distances=[1], flows=flows, lpips=None)
    swapped = temporal.figures(images, images[::-1], distances=[1], flows=flows, lpips=None)
    assert moved["warping_error_1"] < 0.01 < 5 * moved["warping_error_1"] < swapped["warping_error_1"]


def test_figures_that_are_not_there_are_none():
    images, _ = film("pan", 3)
    found = temporal.figures(images, images, lpips=None)
    assert found["warping_error_10"] is None and found["warped_lpips_1"] is None
    with pytest.raises(ValueError):
        temporal.figures(images, images[:-1], lpips=None)
