import pytest
import torch
import torch.nn.functional as F

from nst.backbones import modify
from nst.utils import deterministic


@pytest.mark.parametrize("width", [1, 4, 6])
def test_indexing_reflects_as_torch_does(width) -> None:
    x = torch.rand(1, 2, 9, 7, dtype=torch.float64, requires_grad=True)
    rows, columns = (deterministic._reflected(length, width, x.device) for length in x.shape[-2:])
    weights = torch.rand(9 + 2 * width, 7 + 2 * width, dtype=torch.float64)
    found = []
    for padded in (x[..., rows[:, None], columns], F.pad(x, (width,) * 4, mode="reflect")):
        found.append((padded, torch.autograd.grad((padded * weights).sum(), x)[0]))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-12, atol=0)


def test_gathering_interpolates_as_torch_does() -> None:
    x = torch.rand(2, 3, 5, 9, dtype=torch.float64, requires_grad=True)
    grid = 2.6 * torch.rand(2, 4, 6, 2, dtype=torch.float64) - 1.3  # some of it outside
    weights = torch.rand(2, 3, 4, 6, dtype=torch.float64)
    found = []
    for sampled in (deterministic._gathered(x, grid), deterministic.grid_sample(x, grid)):
        found.append((sampled, torch.autograd.grad((sampled * weights).sum(), x)[0]))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


def test_convolutions_of_a_backbone_pad_as_those_of_torch_do() -> None:
    ours, theirs = (
        torch.nn.Sequential(torch.nn.Conv2d(2, 3, (3, 5), padding=(1, 2), padding_mode=mode))
        for mode in ("zeros", "reflect")
    )
    ours.load_state_dict(theirs.state_dict())
    modify.change_padding(ours, "reflect")
    x = torch.rand(1, 2, 8, 8)
    assert torch.equal(ours(x), theirs(x))
