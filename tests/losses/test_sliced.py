"""Sliced Wasserstein and transport along lines against SciPy and sorting."""

import numpy as np
import pytest
import scipy.optimize
import torch

from nst.losses import SlicedWasserstein
from nst.losses.transport import along_lines


def test_a_line_s_distance_is_that_of_the_best_assignment() -> None:
    x, y = torch.randn(2, 12, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cost = (x.numpy() - y.numpy().T) ** 2
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    assert along_lines(x, torch.ones(12, 1).double(), y).item() == pytest.approx(cost[rows, columns].mean(), rel=1e-12)


def test_weights_count_as_copies() -> None:
    x, y = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = y.repeat_interleave(2000, dim=0)  # so fine that interpolation between its values plays no part
    weight = torch.tensor([[1.0], [2], [1], [3], [1], [1]]).double()
    copies = x.repeat_interleave(weight[:, 0].long(), dim=0)
    weighted, copied = along_lines(x, weight, y), along_lines(copies, torch.ones(9, 1).double(), y)
    torch.testing.assert_close(weighted, copied, rtol=0.2, atol=0)  # a copy's middle is not the middle of all copies
    assert not torch.allclose(weighted, along_lines(x, torch.ones(6, 1).double(), y), rtol=0.05)


def test_equals_numpy_for_its_own_directions() -> None:
    image, style = torch.randn(2, 1, 3, 4, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    term = SlicedWasserstein(
        layers={"x": 2}, weight=1, reduction="relative", layer_reduction="sum", projections=7, positions=99
    )
    term.draw = 3
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
