"""What an optimiser remembers from level to level."""

import pytest
import torch
import torch.nn.functional as F

from nst.optim.resize_state import resized


def adam_state() -> dict:
    x = torch.nn.Parameter(torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(0)))
    optimizer = torch.optim.Adam([x])
    for step in range(3):
        x.grad = torch.randn(1, 3, 6, 8, generator=torch.Generator().manual_seed(step))
        optimizer.step()
    return optimizer.state[x]


def test_adam_s_moments_are_resized_as_crowsonkb_does() -> None:
    state = adam_state()
    got = resized(state, (9, 12))
    assert got["step"].item() == 3
    assert got["step"] is not state["step"]  # the next level counts its own copy on
    torch.testing.assert_close(got["exp_avg"], F.interpolate(state["exp_avg"], (9, 12), mode="bicubic"))
    torch.testing.assert_close(got["exp_avg_sq"], F.interpolate(state["exp_avg_sq"], (9, 12), mode="bilinear").relu())
    assert got["exp_avg_sq"].min() >= 0


def test_lbfgs_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"method.moments=resized can't resize .* \(d\); give method.moments=fresh"):
        resized({"d": torch.zeros(3), "step": 1}, (4, 4))
