"""The relaxed earth mover's distance against SciPy."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from nst.losses import RelaxedEarthMover


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_equals_scipy(distance: str) -> None:
    image, style = torch.rand(2, 1, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    term = RelaxedEarthMover(layers={"x": 1}, weight=1, distance=distance, positions=99, candidates=99)
    score = term.score(term.measure({"x": image}, {}), term.reference({"x": style}))["hypercolumn"].item()
    x, y = (value[0].flatten(1).T.numpy() for value in (image, style))
    cost = cdist(x, y, distance) / (np.sqrt(y.var(0).sum()) if distance == "euclidean" else 1)
    assert score == pytest.approx(max(cost.min(1).mean(), cost.min(0).mean()), rel=1e-9)


def test_features_of_the_style_that_do_not_occur_count() -> None:
    style = torch.eye(3, dtype=torch.float64).view(1, 3, 1, 3)
    image = style[..., :1].expand(1, 3, 1, 3)
    term = RelaxedEarthMover(layers={"x": 1}, weight=1, distance="cosine", positions=9, candidates=9)
    score = term.score(term.measure({"x": image}, {}), term.reference({"x": style}))["hypercolumn"].item()
    assert score == pytest.approx(2 / 3)  # two of the three features do not occur in the image
