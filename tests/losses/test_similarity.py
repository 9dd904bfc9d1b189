"""STROTSS's content loss against SciPy."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from nst.losses import SelfSimilarity


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    image, content = torch.rand(2, 1, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return image, content


def value(term: SelfSimilarity, image: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
    reference = term.reference({"x": content})
    return term.score(term.measure({"x": image}, reference), reference)["hypercolumn"]


def test_equals_scipy_and_is_zero_at_the_content() -> None:
    image, content = pair()
    term = SelfSimilarity(layers={"x": 1}, weight=1, positions=99)
    x, y = (cdist(rows, rows, "cosine") for rows in (one[0].flatten(1).T.numpy() for one in (image, content)))
    expected = np.abs(x / x.sum(0) - y / y.sum(0)).sum() / len(x)
    assert value(term, image, content).item() == pytest.approx(expected, rel=1e-8)
    assert value(term, content, content).item() == 0


def test_ignores_a_rotation_and_a_scale_of_the_features() -> None:
    image, _ = pair()
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]
    rotated = torch.einsum("ij,njhw->nihw", 5 * rotation, image)
    assert value(SelfSimilarity(layers={"x": 1}, weight=1, positions=99), rotated, image).item() < 1e-10


def test_gradient_in_float64() -> None:
    image, content = pair()
    term = SelfSimilarity(layers={"x": 1}, weight=1, positions=6)
    assert torch.autograd.gradcheck(lambda x: value(term, x, content), image.requires_grad_(), atol=1e-6)


def test_the_same_positions_of_image_and_content_are_compared() -> None:
    image, _ = pair()
    term = SelfSimilarity(layers={"x": 1}, weight=1, positions=6)
    term.sampling_step = 7
    assert value(term, image, image).item() == 0
