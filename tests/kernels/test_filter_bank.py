"""The filter bank in C gives what PyTorch's operators give, and their gradient."""

import itertools

import pytest
import torch
from conftest import IN_C

from nst import kernels
from nst.backbones.wavelet import morlet_bank
from nst.kernels import compiled
from nst.kernels.filter_bank import OUTPUTS, filter_bank

SIZES = [(32, 64), (37, 53), (9, 131), (1, 1), (2, 3), (64, 33)]  # whole vectors, parts of them, single values
CHOICES = [c for n in (1, 2, 3) for c in itertools.combinations(OUTPUTS, n)]


def bank(count: int = 8, edge: int = 7) -> torch.Tensor:
    return morlet_bank(count, size=edge, sigma=1.25, frequency=2.4, slant=0.6)


def padded(channels: int, height: int, width: int, edge: int = 7, count: int = 1) -> torch.Tensor:
    size = count, channels, height + edge - 1, width + edge - 1
    return torch.randn(size, generator=torch.Generator().manual_seed(0))


def compare(maps: torch.Tensor, filters: torch.Tensor, outputs: tuple[str, ...]) -> None:
    """Values, and the gradient of a weighted sum of all of them, in C and by PyTorch."""
    assert compiled.library() is not None
    found = []
    for choice in ("auto", "off"):
        with kernels.use(choice):
            at = maps.clone().requires_grad_()
            made = filter_bank(at, filters, outputs)
            loss = sum((one * torch.linspace(-1, 2, one.numel()).view(one.shape)).sum() for one in made.values())
            found.append((made, torch.autograd.grad(loss, at)[0]))
    (ours, gradient), (theirs, expected) = found
    assert set(ours) == set(theirs) == set(outputs)
    for name in outputs:
        torch.testing.assert_close(ours[name], theirs[name], atol=2e-5, rtol=1e-4)
    assert (gradient - expected).norm() < 1e-3 * expected.norm()  # a response close to 0 may get the other sign


@IN_C
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("outputs", CHOICES, ids="+".join)
def test_values_and_gradient_are_torch_s(size, channels, outputs) -> None:
    compare(padded(channels, *size, count=2), bank(), outputs)


@IN_C
@pytest.mark.parametrize(("count", "edge"), [(1, 3), (3, 5), (5, 9)])
def test_any_number_of_filters_of_any_odd_edge(count, edge) -> None:
    compare(padded(2, 23, 40, edge), bank(count, edge), OUTPUTS)


@IN_C
def test_each_of_its_gradients_may_be_missing() -> None:
    maps = padded(1, 20, 20).requires_grad_()
    made = filter_bank(maps, bank(), OUTPUTS).values()
    parts = [torch.autograd.grad(one.square().sum(), maps, retain_graph=True)[0] for one in made]
    together = torch.autograd.grad(sum(one.square().sum() for one in made), maps)[0]
    assert torch.allclose(sum(parts), together, rtol=1e-4, atol=1e-4)


@IN_C
def test_nan_stays_nan() -> None:
    maps = torch.zeros(1, 1, 20, 20)
    maps[..., 10, 10] = torch.nan
    for made in filter_bank(maps, bank(), OUTPUTS).values():
        assert made.isnan().any()


def test_float64_is_left_to_torch() -> None:
    maps = padded(1, 7, 8, edge=3).double().requires_grad_()
    filters = bank(2, 3).double()
    for name in OUTPUTS:
        assert torch.autograd.gradcheck(lambda at, name=name: filter_bank(at, filters, OUTPUTS)[name], maps)


def test_without_outputs_nothing_is_computed() -> None:
    assert filter_bank(torch.zeros(1, 1, 8, 8), bank(), ()) == {}
