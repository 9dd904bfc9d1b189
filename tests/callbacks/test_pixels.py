"""Callbacks that act on the picture, in every space."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from nst.callbacks import Clamp
from nst.methods.parametrization import SPACES, Pixels, parametrization


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.LBFGS])
def test_a_picture_is_clamped_in_every_space(space, optimizer, objective, noise):
    chosen = parametrization(space, (24, 32), objective.backbone.input)
    module = SimpleNamespace(space=chosen, pixels=nn.Parameter(chosen.encode(noise())))
    trainer = SimpleNamespace(optimizers=[optimizer([module.pixels])], global_step=1)
    before = module.pixels.detach().clone()
    Clamp(low=-0.2, high=0.3, until=1).on_train_batch_end(trainer, module)
    assert torch.equal(module.pixels, before)  # no longer
    Clamp(low=-0.2, high=0.3, until=2).on_train_batch_end(trainer, module)
    image = chosen.decode(module.pixels)
    picture = objective.backbone.input(image) if space == "input" else image
    assert picture.max() <= 0.3 + 1e-6 and picture.min() >= -0.2 - 1e-6
    assert not torch.equal(module.pixels, before)


@pytest.mark.parametrize(("until", "step", "clamped"), [(None, 0, True), (2, 0, True), (2, 1, True), (2, 2, False)])
def test_the_initial_image_is_clamped_before_the_first_step(until, step, clamped):
    """As the course does it: before each of the steps up to `until`, the first one included."""
    module = SimpleNamespace(pixels=torch.nn.Parameter(torch.tensor([[[[-1.0, 0.5, 2.0]]]])), space=Pixels())
    Clamp(low=0.0, high=1.0, until=until).on_train_start(SimpleNamespace(global_step=step), module)
    expected = [0.0, 0.5, 1.0] if clamped else [-1.0, 0.5, 2.0]
    assert module.pixels.flatten().tolist() == expected
