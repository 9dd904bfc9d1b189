"""Strokes that move with what they paint, on films whose true flow is known."""

import pytest
import torch

pytest.importorskip("av")
pytest.importorskip("cv2")
from made_films import moving

from nst.data.film import to_image
from nst.inference.steady import Steady
from nst.metrics import temporal
from nst.networks import Transformer, held_moments, mean_moments


def painted(images, seed=0):
    """What a network with strokes of its own for every frame paints."""
    generator = torch.Generator().manual_seed(seed)
    grain = [torch.nn.functional.interpolate(torch.rand(1, 3, 16, 24, generator=generator), (64, 96)) for _ in images]
    return [(image + one - 0.5).clamp(0, 1) for image, one in zip(images, grain, strict=True)]


@pytest.mark.parametrize("kind", ["pan", "zoom", "crosses"])
def test_strokes_follow_the_film(kind):
    frames, flows = moving(kind, 8)
    images, true = [to_image(frame) for frame in frames], [torch.from_numpy(one)[None] for one in flows]
    alone, steady = painted(images), Steady()
    kept = [steady(image, one) for image, one in zip(images, alone, strict=True)]
    before, after = (temporal.figures(images, film, flows=true, lpips=None, distances=[1]) for film in (alone, kept))
    assert after["warping_error_1"] < before["warping_error_1"] / 3
    assert abs(kept[-1].std() / alone[-1].std() - 1) < 0.12  # hardly anything is averaged away
    if kind == "crosses":
        assert after["change"] < 1 / 255 < 20 / 255 < before["change"]


def test_another_light_and_a_cut_are_painted_anew():
    images = [to_image(moving("pan", 1)[0][0])] * 3
    alone, steady = painted(images), Steady()
    steady(images[0], alone[0])
    dark = images[0] * 0.5
    assert (steady(dark, alone[1]) - alone[1]).abs().mean() < 0.02
    steady.cut()
    assert torch.equal(steady(dark, alone[2]), alone[2])


def test_light_that_changes_slowly_arrives():
    image = to_image(moving("pan", 1)[0][0])
    first, new = painted([image] * 2)
    steady, picture = Steady(), None
    for step in range(20):
        picture = steady(image * (1 - 0.025 * step), new if step else first)
    assert (picture - new).abs().mean() < 0.3 * (first - new).abs().mean()


def test_memory_goes_on_where_it_was():
    images = [to_image(frame) for frame in moving("pan", 4)[0]]
    alone, steady = painted(images), Steady()
    whole = [steady(image, one) for image, one in zip(images, alone, strict=True)]
    steady = Steady()
    for image, one in zip(images[:2], alone[:2], strict=True):
        steady(image, one)
    steady = Steady(steady.memory)
    assert torch.equal([steady(image, one) for image, one in zip(images[2:], alone[2:], strict=True)][-1], whole[-1])


def test_held_moments_leave_far_pixels_as_they_are(noise):
    torch.manual_seed(0)
    network = Transformer(width=4, blocks=1, styles=1).eval()
    mix, image = torch.ones(1, 1), noise(64, 128)
    changed = image.clone()
    changed[..., :16, :16] = 1
    with torch.no_grad():
        own = network(image, mix)
        moments = mean_moments(network)
        assert (network(changed, mix) - own)[..., 100:].abs().max() > 1e-4
        with held_moments(network, moments):
            assert torch.allclose(network(image, mix), own, atol=1e-6)
            assert torch.equal(network(changed, mix)[..., 100:], network(image, mix)[..., 100:])
        assert torch.equal(network(image, mix), own)
