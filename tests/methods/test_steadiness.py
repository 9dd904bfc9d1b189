"""The temporal loss of networks, on functions whose steadiness is known."""

import pytest
import torch

from nst.methods import steadiness as module
from nst.methods.steadiness import steadiness

NUMBERS = torch.arange(3)


@pytest.fixture
def contents(noise):
    """Smooth enough that clamping the noise changes nothing."""
    return 0.3 + 0.4 * torch.nn.functional.interpolate(torch.cat([noise(6, 8, seed=n) for n in range(3)]), (24, 32))


def test_what_moves_with_the_photograph_costs_the_noise_alone(contents):
    found = steadiness(lambda images: 2 * images, contents, 2 * contents, NUMBERS)
    assert found.item() == pytest.approx(4 * module.NOISE**2, rel=0.1)


def test_strokes_that_stay_while_the_photograph_moves_cost_more(contents, noise):
    strokes = noise(24, 32, seed=9)
    steady = steadiness(lambda images: images, contents, contents, NUMBERS)
    swimming = steadiness(lambda images: images + strokes, contents, contents + strokes, NUMBERS)
    assert swimming > 20 * steady


def test_a_sample_is_moved_alike_each_time_and_others_otherwise(contents, monkeypatch):
    seen = []

    def paint(images):
        seen.append(images)
        return images

    for numbers in (NUMBERS, NUMBERS, NUMBERS + 3):
        steadiness(paint, contents, contents, numbers)
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])
    assert (seen[0] - contents).abs().mean() > module.NOISE  # noise alone would be 0.8 of it


def test_the_gradient_reaches_both_pictures(contents):
    weight = torch.ones((), requires_grad=True)
    steadiness(lambda images: images.sqrt() * weight, contents, contents.sqrt() * weight, NUMBERS).backward()
    assert weight.grad is not None and weight.grad != 0
