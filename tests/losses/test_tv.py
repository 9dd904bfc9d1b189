"""Total variation against its formulas in NumPy and the value of the CS231n course."""

import numpy as np
import pytest
import torch
from conftest import SHARED

from nst.backbones import Input
from nst.losses import TotalVariation


def term(form: str, layer: str = "image", weight: float = 1.0) -> TotalVariation:
    return TotalVariation(layers={layer: weight}, weight=1.0, form=form)


def tv(form: str, x: torch.Tensor) -> torch.Tensor:
    variation = term(form)
    return variation.score(variation.measure({"image": x}, {}), {})["image"]


def test_every_form_equals_its_formula(noise):
    x = noise(7, 9, dtype=torch.float64)
    a = x[0].numpy()
    dx, dy = np.diff(a, axis=2), np.diff(a, axis=1)
    falling, rising = a[:, 1:, 1:] - a[:, :-1, :-1], a[:, 1:, :-1] - a[:, :-1, 1:]
    straight, oblique = (dx**2).sum() + (dy**2).sum(), (falling**2).sum() + (rising**2).sum()
    assert tv("absolute_sum", x).item() == pytest.approx(abs(dx).sum() + abs(dy).sum(), rel=1e-12)
    assert tv("squared_sum", x).item() == pytest.approx(straight, rel=1e-12)
    assert tv("squared_mean_9", x).item() == pytest.approx(2 * (straight / 3 + oblique / 12) / a.size, rel=1e-12)


@pytest.mark.parametrize("form", ["absolute_sum", "squared_sum", "squared_mean_9"])
def test_a_flat_picture_has_no_variation(form):
    assert tv(form, torch.full((1, 3, 8, 8), 0.7)).item() == 0


@pytest.mark.parametrize("form", ["squared_sum", "squared_mean_9"])
def test_gradient(form, noise):
    assert torch.autograd.gradcheck(lambda x: tv(form, x), noise(4, 5, dtype=torch.float64).requires_grad_())


@pytest.mark.parametrize("form", ["absolute_sum", "squared_sum", "squared_mean_9"])
def test_masks_that_sum_to_one_sum_to_the_whole(form, noise):
    variation, x = term(form), noise(6, 7, dtype=torch.float64)
    mask = noise(6, 7, seed=1, dtype=torch.float64)[:, :1]
    parts = [variation.measure({"image": x}, {}, {"image": m})["image"] for m in (mask, 1 - mask)]
    assert torch.allclose(sum(parts), variation.measure({"image": x}, {})["image"])


@pytest.mark.skipif(not (SHARED / "images").exists(), reason="needs the course's photograph")
def test_the_course_s_golden_value():
    """The CS231n course ships 303.47 for tubingen at 256 x 192 and weight 2e-2 on the normalised image.

    The course's own JPEG is not at hand; the PNG here was resampled once more, which smooths it by 1 %. Absolute
    differences would give 697, and the image before normalisation 15.
    """
    from PIL import Image
    from torchvision.transforms.functional import to_tensor

    image = Image.open(SHARED / "images/content/tubingen.png").convert("RGB").resize((256, 192), Image.BILINEAR)
    x = Input(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])(to_tensor(image)[None])
    variation = term("squared_sum", "input", 2e-2)
    got = variation.score(variation.measure({"input": x}, {}), {})["input"].item()
    assert got == pytest.approx(303.47, rel=0.015)


def test_other_layers_and_forms_are_refused():
    with pytest.raises(ValueError, match="give image or input"):
        term("squared_sum", "relu1_1")
    with pytest.raises(ValueError, match="form is 'l3'; give one of absolute_sum, squared_sum, squared_mean_9"):
        term("l3")
