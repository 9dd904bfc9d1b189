"""The covariance loss against NumPy's own covariance."""

import numpy as np
import pytest
import torch

from nst.losses import Covariance


def test_equals_numpy() -> None:
    image, style = torch.randn(2, 1, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    s, a = (np.cov(x[0].flatten(1).numpy(), bias=True) for x in (image, style))
    for reduction, divisor in (("sum", 1), ("mean", 9), ("relative", (a**2).sum())):
        term = Covariance(layers={"x": 2}, weight=1, reduction=reduction, layer_reduction="mean")
        score = term.score(term.measure({"x": image}, {}), term.reference({"x": style}))
        assert score["x"].item() == pytest.approx(2 * ((s - a) ** 2).sum() / divisor, rel=1e-10)


def test_ignores_the_mean() -> None:
    term = Covariance(layers={"x": 1}, weight=1, reduction="relative", layer_reduction="mean")
    style = torch.randn(1, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert term.score(term.measure({"x": style + 7}, {}), term.reference({"x": style}))["x"].item() < 1e-20


def test_refuses_an_unknown_reduction() -> None:
    with pytest.raises(ValueError, match=r"^reduction is 'max'; give one of relative, mean, sum"):
        Covariance(layers={"x": 1}, weight=1, reduction="max", layer_reduction="mean")
