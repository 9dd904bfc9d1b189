"""AdaIN's style loss against NumPy."""

import numpy as np
import pytest
import torch

from nst.losses import MeanStd


def test_equals_numpy() -> None:
    image, style = torch.randn(2, 1, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x, y = (value[0].flatten(1).numpy() for value in (image, style))
    s, t = np.sqrt(x.var(1) + 1e-5), np.sqrt(y.var(1) + 1e-5)
    squared = ((x.mean(1) - y.mean(1)) ** 2).sum() + ((s - t) ** 2).sum()
    for reduction, divisor in (("sum", 1), ("mean", 3), ("relative", (t**2).sum())):
        term = MeanStd(layers={"x": 1}, weight=1, reduction=reduction, layer_reduction="sum")
        score = term.score(term.measure({"x": image}, {}), term.reference({"x": style}))
        assert score["x"].item() == pytest.approx(squared / divisor, rel=1e-10)


def test_ignores_the_covariances_between_channels() -> None:
    term = MeanStd(layers={"x": 1}, weight=1, reduction="relative", layer_reduction="sum")
    style = torch.randn(1, 2, 1, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    shuffled = torch.stack([style[0, 0], style[0, 1].flip(-1)])[None]
    assert term.score(term.measure({"x": shuffled}, {}), term.reference({"x": style}))["x"].item() < 1e-20
