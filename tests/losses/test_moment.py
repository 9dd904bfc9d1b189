"""Moment matching against NumPy."""

import numpy as np
import pytest
import torch

from nst.losses import Moment


def test_equals_numpy() -> None:
    image, style = torch.randn(2, 1, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x, y = (value[0].flatten(1).numpy() for value in (image, style))
    mean, covariance = np.abs(x.mean(1) - y.mean(1)), np.abs(np.cov(x, bias=True) - np.cov(y, bias=True))
    expected = {
        "mean": mean.sum() / 3 + covariance.sum() / 9,
        "relative": mean.sum() / np.sqrt(y.var(1) + 1e-5).sum() + covariance.sum() / np.abs(np.cov(y, bias=True)).sum(),
    }
    for reduction, value in expected.items():
        term = Moment(layers={"x": 1}, weight=1, reduction=reduction, layer_reduction="sum")
        score = term.score(term.measure({"x": image}, {}), term.reference({"x": style}))["x"].item()
        assert score == pytest.approx(value, rel=1e-10)
