"""Samples of positions, and optimal transport in one dimension against SciPy."""

import pytest
import scipy.optimize
import torch

from nst.losses import NearestFeatures
from nst.losses.sampling import hypercolumns, squared_wasserstein_1d


def test_the_distance_in_one_dimension_is_that_of_the_best_assignment() -> None:
    x, y = torch.randn(2, 12, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cost = (x.numpy() - y.numpy().T) ** 2
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    (found,) = squared_wasserstein_1d(x, torch.ones(12).double(), y)
    assert found.item() == pytest.approx(cost[rows, columns].mean(), rel=1e-12)


def test_weights_count_as_copies() -> None:
    x, y = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = y.repeat_interleave(2000, dim=0)  # so fine that interpolation between its values plays no part
    weight = torch.tensor([1.0, 2, 1, 3, 1, 1]).double()
    copies = x.repeat_interleave(weight.long(), dim=0)
    weighted, copied = squared_wasserstein_1d(x, weight, y), squared_wasserstein_1d(copies, torch.ones(9).double(), y)
    torch.testing.assert_close(weighted, copied, rtol=0.2, atol=0)  # a copy's middle is not the middle of all copies
    assert not torch.allclose(weighted, squared_wasserstein_1d(x, torch.ones(6).double(), y), rtol=0.05)


def test_hypercolumns_stack_the_layers() -> None:
    fine, coarse = torch.arange(16.0).view(1, 1, 4, 4), torch.tensor([[10.0, 20], [30, 40]]).view(1, 1, 2, 2)
    corner, middle = hypercolumns({"f": fine, "c": coarse}, {"f": 1, "c": 4}, torch.tensor([0, 5]))
    assert corner.tolist() == [0, 20]  # 2 = root of the weight 4, times the nearest corner
    assert middle.tolist() == [5, 2 * (0.75**2 * 10 + 0.75 * 0.25 * 50 + 0.25**2 * 40)]  # bilinear


def test_a_mix_has_rows_of_each_picture_in_proportion_to_its_weight() -> None:
    term = NearestFeatures(layers={"x": 1}, weight=1, layer_reduction="mean", positions=9, candidates=40)
    references = [{"x": torch.full((40, 2), 1.0)}, {"x": torch.full((20, 2), 2.0)}]
    mixed = term.mix(references, [0.75, 0.25])["x"]
    assert (mixed[:, 0] == 1).sum().item() == 40
    assert (mixed[:, 0] == 2).sum().item() == 13  # 40 / 0.75 * 0.25
