"""The relaxed earth mover against SciPy, and hypercolumns."""

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


def test_every_feature_of_the_style_is_wanted() -> None:
    style = torch.eye(3, dtype=torch.float64).view(1, 3, 1, 3)
    image = style[..., :1].expand(1, 3, 1, 3)
    term = RelaxedEarthMover(layers={"x": 1}, weight=1, distance="cosine", positions=9, candidates=9)
    score = term.score(term.measure({"x": image}, {}), term.reference({"x": style}))["hypercolumn"].item()
    assert score == pytest.approx(2 / 3)  # two of the three have nothing like them


def test_hypercolumns_put_the_layers_one_above_the_other() -> None:
    fine, coarse = torch.arange(16.0).view(1, 1, 4, 4), torch.tensor([[10.0, 20], [30, 40]]).view(1, 1, 2, 2)
    term = RelaxedEarthMover(layers={"f": 1, "c": 4}, weight=1, distance="cosine", positions=99, candidates=99)
    rows = term.measure({"f": fine, "c": coarse}, {})["hypercolumn"]
    corner = rows[rows[:, 0] == 0][0]
    middle = rows[rows[:, 0] == 5][0]
    assert corner.tolist() == [0, 20, 1]  # 2 = root of the weight 4, times the nearest corner
    assert middle.tolist() == [5, 2 * (0.75**2 * 10 + 0.75 * 0.25 * 50 + 0.25**2 * 40), 1]  # bilinear
