"""The leak of the painting's places, against the way that Pillow and NumPy compute it."""

import numpy as np
import pytest
import torch
from PIL import Image

from nst.metrics.composition import leak


def coarse(image):
    pixels = Image.fromarray((image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    array = np.asarray(pixels.resize((16, 16), Image.Resampling.BOX), float)
    return array - array.mean((0, 1))


def by_numpy(picture, content, style):
    p, c, s = map(coarse, (picture, content, style))

    def rest(a):
        return a - (a * c).sum() / (c * c).sum() * c

    def like(painting):
        return np.corrcoef(rest(p).ravel(), rest(painting).ravel())[0, 1]

    return like(s) - max(like(s[:, ::-1]), like(s[::-1]), like(s[::-1, ::-1]))


def test_leak_is_the_correlation_of_what_is_not_the_photographs(noise):
    content, style, other = noise(32, 48, seed=1), noise(48, 32, seed=2), noise(32, 48, seed=3)
    mixed = 0.5 * content + 0.2 * torch.nn.functional.interpolate(style, (32, 48), mode="area") + 0.3 * other
    assert leak(mixed, content, style) == pytest.approx(by_numpy(mixed, content, style), abs=0.02)  # 8 bits


def test_leak_is_none_of_the_photograph_and_one_of_the_painting(noise):
    content, style = noise(32, 32, seed=1), noise(32, 32, seed=2)
    assert leak(content, content, style) == pytest.approx(0, abs=1e-3)
    assert leak(style, content, style) > 0.8
