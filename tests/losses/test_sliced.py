"""The sliced Wasserstein loss against sorting in NumPy."""

import numpy as np
import pytest
import torch

from nst.losses import SlicedWasserstein


def test_equals_numpy_for_its_own_directions() -> None:
    image, style = torch.randn(2, 1, 3, 4, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    term = SlicedWasserstein(
        layers={"x": 2}, weight=1, reduction="relative", layer_reduction="sum", projections=7, positions=99
    )
    term.sampling_step = 3
    score = term.score(term.measure({"x": image}, {}), term.reference({"x": style}))["x"].item()
    lines = torch.randn(3, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64).numpy()
    lines /= np.linalg.norm(lines, axis=0)
    x, y = (np.sort(value[0].flatten(1).numpy().T @ lines, axis=0) for value in (image, style))
    spread = style[0].flatten(1).numpy().var(1).sum() / 3
    assert score == pytest.approx(2 * ((x - y) ** 2).mean() / spread, rel=1e-10)


def test_sees_what_mean_and_covariance_do_not() -> None:
    normal = torch.randn(1, 1, 50, 50, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    signs = normal.sign()
    signs = (signs - signs.mean()) / signs.std() * normal.std() + normal.mean()
    term = SlicedWasserstein(
        layers={"x": 1}, weight=1, reduction="relative", layer_reduction="sum", projections=4, positions=9999
    )
    assert term.score(term.measure({"x": signs}, {}), term.reference({"x": normal}))["x"].item() > 0.1
