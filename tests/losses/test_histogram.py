"""The histogram loss against scikit-image's histogram matching."""

import numpy as np
import pytest
import torch
from skimage.exposure import match_histograms

from nst.losses import Histogram


def test_equals_scikit_image_s_matching_of_every_channel() -> None:
    image, style = torch.randn(2, 1, 3, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    term = Histogram(layers={"x": 1}, weight=1, reduction="mean", layer_reduction="sum", positions=99)
    score = term.score(term.measure({"x": image}, {}), term.reference({"x": style}))["x"].item()
    f, s = (value[0].permute(1, 2, 0).numpy() for value in (image, style))
    matched = match_histograms(f, s, channel_axis=-1)
    assert score == pytest.approx(np.mean((f - matched) ** 2), rel=1e-10)


def test_the_gradient_pulls_every_value_to_its_match() -> None:
    image = torch.tensor([0.0, 2, 1]).double().view(1, 1, 1, 3).requires_grad_()
    style = torch.tensor([5.0, 4, 3]).double().view(1, 1, 1, 3)
    term = Histogram(layers={"x": 1}, weight=1, reduction="mean", layer_reduction="sum", positions=9)
    term.score(term.measure({"x": image}, {}), term.reference({"x": style}))["x"].backward()
    assert image.grad is not None
    np.testing.assert_allclose(image.grad.flatten().numpy(), 2 / 3 * np.array([0 - 3, 2 - 5, 1 - 4]))
