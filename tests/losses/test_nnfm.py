"""Nearest features against SciPy's cosine distances."""

import pytest
import torch
from scipy.spatial.distance import cdist

from nst.losses import NearestFeatures


def test_equals_scipy() -> None:
    image, style = torch.randn(2, 1, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    term = NearestFeatures(layers={"x": 3}, weight=1, layer_reduction="sum", positions=99, candidates=99)
    score = term.score(term.measure({"x": image}, {}), term.reference({"x": style}))["x"].item()
    x, y = (value[0].flatten(1).T.numpy() for value in (image, style))
    assert score == pytest.approx(3 * cdist(x, y, "cosine").min(1).mean(), rel=1e-10)


def test_ignores_how_often_a_feature_occurs() -> None:
    term = NearestFeatures(layers={"x": 1}, weight=1, layer_reduction="sum", positions=99, candidates=99)
    style = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    one = style[..., :1, :1].expand(1, 3, 5, 5)
    assert abs(term.score(term.measure({"x": one}, {}), term.reference({"x": style}))["x"].item()) < 1e-12
