"""The state of an optimiser from level to level."""

import pytest
import torch
import torch.nn.functional as F

from nst.optim.resize_state import resized, warm_start


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


def test_an_optimiser_goes_on_from_the_resized_state() -> None:
    x, state = torch.nn.Parameter(torch.rand(1, 3, 9, 12)), adam_state()
    optimizer = torch.optim.Adam([x], lr=0.1)
    warm_start(optimizer, x, state)
    before, expected = x.detach().clone(), resized(state, (9, 12))
    x.grad = torch.zeros_like(x)  # the moments alone move it
    optimizer.step()
    mean, square = 0.9 * expected["exp_avg"] / (1 - 0.9**4), 0.999 * expected["exp_avg_sq"] / (1 - 0.999**4)
    torch.testing.assert_close(before - x.detach(), 0.1 * mean / (square.sqrt() + 1e-8), rtol=1e-4, atol=1e-6)
