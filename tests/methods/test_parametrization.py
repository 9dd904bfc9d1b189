"""The spaces of a picture: nothing is lost in any, each keeps its bounds, and an optimiser gets further with bands."""

import pytest
import torch
from conftest import IN_C

from nst.kernels import compiled
from nst.methods import ImageModule
from nst.methods.parametrization import (
    BANDS,
    EQUAL,
    SPACES,
    BackboneInput,
    LaplacianBands,
    clamp_with_grad,
    parametrization,
)
from nst.objective import Target
from nst.optim import lr_schedulers
from nst.optim.optimization import Optimization

FACTORS = (0.8, 1.0, 0.5, 0.25)


@pytest.fixture(params=SPACES)
def space(request, objective):
    return parametrization(request.param, (48, 64), objective.backbone.input, FACTORS)


def test_a_space_gives_back_the_image_and_its_gradient(space, noise):
    image = 0.1 + 0.8 * noise(48, 64)
    parameter = space.encode(image).requires_grad_()
    decoded = space.decode(parameter)
    torch.testing.assert_close(decoded, image, atol=1e-6, rtol=0)
    assert torch.autograd.grad(decoded.sum(), parameter)[0].abs().max() > 0


def test_a_space_projects_the_picture_into_its_bounds_in_place(space, noise, objective):
    image = noise(48, 64)
    parameter = space.encode(image).clone()
    address = parameter.data_ptr()
    units = objective.backbone.input if isinstance(space, BackboneInput) else lambda image: image
    low, high = -0.3 if isinstance(space, BackboneInput) else 0.2, 0.4
    space.project_(parameter, low, high)
    assert parameter.data_ptr() == address
    torch.testing.assert_close(units(space.decode(parameter)), units(image).clamp(low, high), atol=1e-6, rtol=0)


def test_bands_far_outside_are_projected_and_bounds_that_hold_anyway_change_nothing(noise):
    bands = LaplacianBands((32, 32))
    parameter = 3 * bands.encode(noise(32, 32))
    assert bands.sum(parameter).max() > 1.5
    before = parameter.clone()
    bands.project_(parameter, 0.0, 1.0)
    assert torch.equal(parameter, before)
    bands.project_(parameter, 0.1, 0.7)
    image = bands.decode(parameter)
    assert image.min() >= 0.1 - 1e-6 and image.max() <= 0.7 + 1e-6


def test_a_space_that_does_not_exist_is_refused(objective):
    with pytest.raises(ValueError, match="method.space is 'lab'; give one of image, input, laplacian"):
        parametrization("lab", (8, 8), objective.backbone.input)


@pytest.mark.parametrize("factors", [EQUAL, FACTORS])
@pytest.mark.parametrize("size", [(64, 96), (97, 61), (17, 200), (5, 3), (1, 1)])
def test_bands_are_the_picture(size, factors, noise):
    bands, image = LaplacianBands(size, factors), noise(*size)
    assert (bands.sum(bands.encode(image)) - image).abs().max() < 1e-6


@IN_C
@pytest.mark.parametrize("size", [(64, 96), (97, 61), (17, 200), (131, 131), (16, 16)])
def test_in_c_the_picture_and_the_gradient_are_torch_s(size, monkeypatch):
    assert compiled.library() is not None
    bands, found = LaplacianBands(size, FACTORS), []
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(1, 3, sum(h * w for h, w in bands.sizes), generator=generator).requires_grad_()
    weights = torch.randn(1, 3, *size, generator=generator)
    for in_c in (True, False):
        if not in_c:
            monkeypatch.setattr(compiled, "library", lambda: None)
        image = bands.sum(values)
        found.append((image, torch.autograd.grad((image * weights).sum(), values)[0]))
    for ours, torchs in zip(*found, strict=True):
        torch.testing.assert_close(ours, torchs, atol=1e-5, rtol=1e-5)


def test_bands_may_lie_in_any_order_and_be_of_several_pictures():
    bands = LaplacianBands((32, 40))
    values = torch.randn(sum(h * w for h, w in bands.sizes), 3, 2, generator=torch.Generator().manual_seed(0))
    both = bands.sum(values.permute(2, 1, 0))
    for i in range(2):
        one = bands.sum(values[..., i].T[None])
        torch.testing.assert_close(both[i : i + 1], one)
        torch.testing.assert_close(bands.sum(values[..., i].T[None].contiguous()), one)


def test_a_band_has_half_the_edge_of_the_finer_one():
    assert LaplacianBands((97, 64)).sizes == [(97, 64), (49, 32), (25, 16), (13, 8)]
    assert len(LaplacianBands((4096, 4096)).sizes) == BANDS
    assert LaplacianBands((15, 400)).sizes == [(15, 400)]


def test_a_coarse_value_moves_a_wide_part_and_a_fine_one_its_pixel():
    bands = LaplacianBands((64, 64))
    for value, pixels in ((0, 1), (-1, 100)):
        values = torch.zeros(1, 3, sum(h * w for h, w in bands.sizes))
        values[0, 0, value] = 1
        assert (bands.sum(values) != 0).sum() >= pixels
        assert value or (bands.sum(values) != 0).sum() == 1


def test_the_same_step_of_the_parameter_moves_a_band_by_its_factor():
    bands, equal = LaplacianBands((64, 64), FACTORS), LaplacianBands((64, 64))
    start = 0
    for (height, width), factor in zip(bands.sizes, FACTORS, strict=True):
        step = torch.zeros(1, 3, sum(h * w for h, w in bands.sizes))
        step[..., start : start + height * width] = 0.01
        torch.testing.assert_close(bands.sum(step), factor * equal.sum(step))
        start += height * width


def image_module(objective, start, content, style, space):
    return ImageModule(
        start,
        content,
        [Target(style)],
        objective=objective,
        optimization=Optimization(
            lambda parameters: torch.optim.LBFGS(parameters, max_iter=30, max_eval=40, line_search_fn="strong_wolfe"),
            lr_schedulers.constant,
            steps=1,
        ),
        space=parametrization(space, tuple(start.shape[-2:]), objective.backbone.input),
        first_step=0,
    )


@pytest.mark.slow
def test_bands_get_further_in_as_many_evaluations(objective, noise):
    wide = torch.nn.functional.interpolate(noise(6, 8), (48, 64), mode="bicubic").clamp(0, 1)
    losses = {}
    for space in ("image", "laplacian"):
        module = image_module(objective, torch.full((1, 3, 48, 64), 0.5), noise(48, 64), wide, space)
        assert len(list(module.parameters())) == 1
        module.take_references()
        optimizer = module.configure_optimizers()["optimizer"]

        def closure(module=module, optimizer=optimizer):
            optimizer.zero_grad()
            loss = objective.total(objective(module.image(), module.references))
            loss.backward()
            return loss

        optimizer.step(closure)
        with torch.no_grad():
            losses[space] = objective.total(objective(module.image().clamp(0, 1), module.references)).item()
    assert losses["laplacian"] < 0.9 * losses["image"]


def test_the_image_of_bands_stays_within_its_bounds(objective, noise):
    module = image_module(objective, noise(16, 16), noise(16, 16), noise(16, 16), "laplacian")
    module.pixels.data.mul_(3)
    assert module.image().min() >= 0 and module.image().max() <= 1


def test_what_is_white_or_black_can_come_back_and_goes_no_further():
    values = torch.tensor([-0.5, 0.0, 0.5, 1.0, 1.5]).requires_grad_()
    for sign in (1.0, -1.0):  # downhill is down, then up
        (gradient,) = torch.autograd.grad((sign * clamp_with_grad(values)).sum(), values)
        assert gradient.tolist() == [0 if sign > 0 else -1, sign, sign, sign, 1 if sign > 0 else 0]


def test_a_picture_of_nothing_but_bounds_is_painted(objective, noise):
    white = torch.ones(1, 3, 16, 16)
    module = image_module(objective, white, white, noise(16, 16), "laplacian")
    module.take_references()
    objective.total(objective(module.image(), module.references)).backward()
    assert module.pixels.grad.abs().max() > 0
