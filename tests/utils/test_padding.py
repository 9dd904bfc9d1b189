import pytest
import torch
import torch.nn.functional as F

from nst.utils import padding


@pytest.mark.parametrize("width", [1, 4, 6])
def test_indexing_reflects_as_torch_does(width) -> None:
    x = torch.rand(1, 2, 9, 7, dtype=torch.float64, requires_grad=True)
    rows, columns = (padding._reflected(length, width, x.device) for length in x.shape[-2:])
    weights = torch.rand(9 + 2 * width, 7 + 2 * width, dtype=torch.float64)
    found = []
    for padded in (x[..., rows[:, None], columns], F.pad(x, (width,) * 4, mode="reflect")):
        found.append((padded, torch.autograd.grad((padded * weights).sum(), x)[0]))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-12, atol=0)
