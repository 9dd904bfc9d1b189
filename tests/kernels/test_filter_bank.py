"""The bank in C gives what torch's operators give, and their gradient."""

import itertools

import pytest
import torch
from conftest import IN_C

from nst.backbones.wavelet import morlet_bank
from nst.kernels import compiled
from nst.kernels.filter_bank import Responses, Wanted, respond

SIZES = [(32, 64), (37, 53), (9, 131), (1, 1), (2, 3), (64, 33)]  # of vectors, of parts of them, of one value
WANTED = [Wanted(*choice) for choice in itertools.product([False, True], repeat=3) if any(choice)]


def bank(count: int = 8, edge: int = 7) -> torch.Tensor:
    return morlet_bank(count, size=edge, sigma=1.25, frequency=2.4, slant=0.6)


def both(
    maps: torch.Tensor, filters: torch.Tensor, wanted: Wanted, monkeypatch
) -> list[tuple[Responses, torch.Tensor]]:
    """In C and by torch: what is made, and the gradient of a weighted sum of all of it."""
    assert compiled.library() is not None
    found = []
    for in_c in (True, False):
        with monkeypatch.context() as patch:
            if not in_c:
                patch.setattr(compiled, "library", lambda: None)
            at = maps.clone().requires_grad_()
            made = respond(at, filters, wanted)
            asked = [one for one, asked in zip(made, wanted, strict=True) if asked]
            loss = sum((one * torch.linspace(-1, 2, one.numel()).view(one.shape)).sum() for one in asked)
            found.append((made, torch.autograd.grad(loss, at)[0]))
    return found


@IN_C
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("wanted", WANTED, ids=lambda w: "+".join(name for name, on in w._asdict().items() if on))
def test_values_and_gradient_are_torch_s(size, channels, wanted, monkeypatch) -> None:
    maps = torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(0))
    (ours, gradient), (torchs, expected) = both(maps, bank(), wanted, monkeypatch)
    for name in wanted._fields:
        one, other = getattr(ours, name), getattr(torchs, name)
        if getattr(wanted, name):
            assert one.shape == other.shape
            torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)
    assert (gradient - expected).norm() < 1e-3 * expected.norm()  # a response next to 0 may be on its other side


@IN_C
@pytest.mark.parametrize(("count", "edge"), [(1, 3), (3, 5), (5, 9)])
def test_any_number_of_filters_of_any_odd_edge(count, edge, monkeypatch) -> None:
    maps = torch.randn(1, 2, 23, 40, generator=torch.Generator().manual_seed(0))
    (ours, gradient), (torchs, expected) = both(maps, bank(count, edge), Wanted(True, True, True), monkeypatch)
    for one, other in zip(ours, torchs, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)
    assert (gradient - expected).norm() < 1e-3 * expected.norm()


@IN_C
def test_each_of_its_gradients_may_be_missing(monkeypatch) -> None:
    maps = torch.randn(1, 1, 20, 20, requires_grad=True)
    made = respond(maps, bank(), Wanted(True, True, True))
    parts = [torch.autograd.grad(one.square().sum(), maps, retain_graph=True)[0] for one in made]
    together = torch.autograd.grad(sum(one.square().sum() for one in made), maps)[0]
    assert torch.allclose(sum(parts), together, rtol=1e-4, atol=1e-4)


@IN_C
def test_not_a_number_stays_what_it_is() -> None:
    maps = torch.zeros(1, 1, 20, 20)
    maps[..., 10, 10] = torch.nan
    for made in respond(maps, bank(), Wanted(True, True, True)):
        assert made.isnan().any()


def test_other_precisions_go_torch_s_way() -> None:
    maps = torch.randn(1, 1, 7, 8, dtype=torch.float64, requires_grad=True)
    filters = bank(2, 3).double()
    for i in range(3):
        wanted = Wanted(True, True, True)
        assert torch.autograd.gradcheck(lambda at, i=i, w=wanted: respond(at, filters, w)[i], maps)


def test_nothing_wanted_is_nothing_done() -> None:
    assert respond(torch.zeros(1, 1, 2, 2), bank(), Wanted()) == Responses(None, None, None)
