"""Wasserstein-2 between Gaussians against SciPy's general matrix root, and a closed form."""

import numpy as np
import pytest
import scipy.linalg
import torch

from nst.losses import Wasserstein
from nst.losses.wasserstein import approximate_root, squared_bures


def term(reduction: str, ridge: float = 1e-4, iterations: int | None = None) -> Wasserstein:
    return Wasserstein(
        layers={"x": 1}, weight=1, reduction=reduction, layer_reduction="sum", ridge=ridge, iterations=iterations
    )


def w2(x: np.ndarray, y: np.ndarray, ridge: float) -> float:
    eye = ridge * np.eye(len(x))
    s, a = np.cov(x, bias=True) + eye, np.cov(y, bias=True) + eye
    root = scipy.linalg.sqrtm(a)
    cross = scipy.linalg.sqrtm(root @ s @ root)
    return float(((x.mean(1) - y.mean(1)) ** 2).sum() + np.trace(s + a - 2 * np.real(cross)))


@pytest.mark.parametrize("reduction", ["sum", "mean", "relative"])
def test_equals_scipy(reduction: str) -> None:
    image, style = torch.randn(2, 1, 4, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x, y = image[0].flatten(1).numpy(), style[0].flatten(1).numpy()
    spread = np.trace(np.cov(y, bias=True))
    ridge, divisor = {"sum": (1e-4, 1), "mean": (1e-4, 4), "relative": (1e-4 * spread / 4, spread)}[reduction]
    one = term(reduction)
    score = one.score(one.measure({"x": image}, {}), one.reference({"x": style}))["x"].item()
    assert score == pytest.approx(w2(x, y, ridge) / divisor, rel=1e-8)


def test_commuting_covariances_have_the_distance_of_their_roots() -> None:
    s, a = torch.tensor([1.0, 4.0, 9.0]).double(), torch.tensor([4.0, 4.0, 1.0]).double()
    assert squared_bures(torch.diag(s), torch.diag(a)).item() == pytest.approx(1 + 0 + 4, abs=1e-12)


def test_gradient_at_rank_one_is_finite_and_true() -> None:
    direction = torch.tensor([1.0, 2.0, 3.0]).double()
    eye = 1e-4 * torch.eye(3).double()
    s = (torch.outer(direction, direction) + eye).requires_grad_()
    a = torch.eye(3).double()
    (gradient,) = torch.autograd.grad(squared_bures(s, a), s)
    root = scipy.linalg.sqrtm(s.detach().numpy())
    np.testing.assert_allclose(gradient.numpy(), np.eye(3) - np.linalg.inv(root), rtol=1e-6)  # d tr(S + I - 2 S^1/2)


def test_crowsonkb_in_float32_with_more_channels_than_positions() -> None:
    one = term("mean")
    image, style = torch.rand(2, 1, 64, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    score = one.score(one.measure({"x": image}, {}), one.reference({"x": style}))["x"]
    x, y = (value.detach()[0].flatten(1).double().numpy() for value in (image, style))
    assert score.item() == pytest.approx(w2(x, y, 1e-4) / 64, rel=1e-4)  # the moments were summed in float32


def test_a_covariance_that_rounding_leaves_indefinite_has_a_distance() -> None:
    s, a = torch.diag(torch.tensor([1.0, 4.0])).double(), torch.diag(torch.tensor([-1e-9, 4.0])).double()
    assert squared_bures(s, a).item() == pytest.approx(1 + 0, abs=1e-6)


def test_refuses_a_ridge_of_zero() -> None:
    with pytest.raises(ValueError, match=r"^ridge is 0; give a number over 0"):
        term("mean", ridge=0)


def test_the_approximate_root_and_its_gradient_become_the_exact_ones() -> None:
    x = torch.randn(5, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    a = (x @ x.T / 40).requires_grad_()
    root = approximate_root(a, 20)
    np.testing.assert_allclose(root.detach().numpy(), scipy.linalg.sqrtm(a.detach().numpy()), rtol=1e-9)
    (gradient,) = torch.autograd.grad(root.trace(), a)
    np.testing.assert_allclose(gradient.numpy(), np.linalg.inv(root.detach().numpy()) / 2, rtol=1e-6)  # d tr A^1/2


def test_few_iterations_leave_small_eigenvalues_too_small() -> None:
    a = torch.diag(torch.tensor([1.0, 1e-8]).double())
    assert approximate_root(a, 12)[1, 1] < 0.5e-4
    assert approximate_root(a, 40)[1, 1].item() == pytest.approx(1e-4)
    image, style = torch.rand(2, 1, 12, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scores = []
    for iterations in (None, 12, 60):
        one = term("mean", iterations=iterations)
        scores.append(one.score(one.measure({"x": image}, {}), one.reference({"x": style}))["x"].item())
    assert scores[2] == pytest.approx(scores[0], rel=1e-6)
    assert scores[1] != pytest.approx(scores[0], rel=1e-6)
