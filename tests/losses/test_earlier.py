"""The temporal loss against its equation, whole and in tiles."""

import pytest
import torch

from nst.losses import Earlier, Gram
from nst.objective import Earlier as EarlierPicture
from nst.objective import Objective, Target


def made(wavelet, cut="none"):
    style = Gram(
        layers={"s0": 1.0, "s1": 1.0}, weight=0.0, normalize="hw", reduction="relative", layer_reduction="mean"
    )
    return Objective(
        backbone=wavelet, terms={"earlier": Earlier(layers={"image": 2.0}, weight=3.0), "style": style}, cut=cut
    )


def test_it_is_the_weighted_mean_of_the_squares(wavelet, noise):
    objective = made(wavelet)
    image, first, second = (noise(seed=n) for n in range(3))
    weights = [noise(seed=n)[:, :1] for n in (3, 4)]
    earlier = [EarlierPicture(*pair) for pair in zip((first, second), weights, strict=True)]
    references = objective.references(image, [Target(noise(seed=9))], earlier=earlier)
    loss = objective.total(objective(image, references))
    wanted = sum((w * (image - x).square()).mean() for x, w in zip((first, second), weights, strict=True))
    assert loss.item() == pytest.approx(3 * 2 * wanted.item(), rel=1e-5)


def test_tiles_give_the_same(wavelet, noise):
    image, earlier = noise(64, 80), [EarlierPicture(noise(64, 80, seed=1), noise(64, 80, seed=2)[:, :1])]
    values = []
    for cut in ("none", 16):
        objective = made(wavelet, cut)
        references = objective.references(image, [Target(noise(seed=9))], earlier=earlier)
        values.append(objective.total(objective(image, references)).item())
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_without_an_earlier_picture_it_is_nothing(wavelet, noise):
    objective = made(wavelet)
    losses = objective(noise(), objective.references(noise(), [Target(noise(seed=9))]))
    assert losses["earlier"] == {} and torch.isfinite(objective.total(losses))


def test_only_pixels_are_compared():
    with pytest.raises(ValueError, match="layers names relu1_1, but earlier pictures are compared as such; give image"):
        Earlier(layers={"relu1_1": 1.0}, weight=1.0)
