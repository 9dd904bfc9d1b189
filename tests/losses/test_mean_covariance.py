"""The default style loss against NumPy's own mean and covariance."""

import numpy as np
import pytest
import torch

from nst.losses import MeanCovariance


def test_equals_numpy() -> None:
    image, style = torch.rand(2, 1, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x, y = (value[0].flatten(1).numpy() for value in (image, style))
    s, t = (np.cov(rows, bias=True) for rows in (x, y))
    expected = ((s - t) ** 2).sum() / (t**2).sum()
    expected += ((x.mean(1) - y.mean(1)) ** 2).sum() / (y.mean(1) ** 2).sum()
    term = MeanCovariance(layers={"x": 2.0}, weight=1.0)
    score = term.score(term.measure({"x": image}, {}), term.reference({"x": style}))["x"].item()
    assert score == pytest.approx(2 * expected, rel=1e-10)
